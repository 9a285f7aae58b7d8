#include "kernels/cpu/emd_auction.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pcgen {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

}  // namespace

Auction::Auction(const std::vector<double>& x, const std::vector<double>& y, const std::vector<double>& prices,
                 const Metric& metric)
    : Bidders(x, y, prices, metric), target_(size(), -1), owner_(size(), -1) {}

void Auction::release() {
  std::fill(target_.begin(), target_.end(), -1);
  std::fill(owner_.begin(), owner_.end(), -1);
}

std::vector<int32_t> Auction::free_points() const {
  std::vector<int32_t> free;
  for (int64_t i = 0; i < size(); ++i) {
    if (target_[i] < 0) free.push_back(static_cast<int32_t>(i));
  }
  return free;
}

bool Auction::assign(double epsilon, int64_t max_bids) {
  const int64_t last = bids_ + max_bids;
  std::vector<int32_t> free = free_points(), displaced;
  for (; !free.empty(); std::swap(free, displaced)) {
    displaced.clear();
    for (const int32_t i : free) {
      if (bids_ == last) return false;
      ++bids_;
      const Choice choice = choose(i);
      const double margin = choice.second == kInf ? 0 : choice.second - choice.value;
      raise(choice.target, price(choice.target) + margin + epsilon);
      const int32_t loser = take(i, choice.target);
      if (loser >= 0) displaced.push_back(loser);
    }
  }
  return true;
}

void Auction::assign_exactly(int rounds) {
  std::vector<int32_t> free = free_points(), displaced;
  for (int round = 0; round < rounds; ++round, std::swap(free, displaced)) {
    displaced.clear();
    for (const int32_t i : free) {
      Choice choice = choose(i);
      if (choice.second > choice.value) {
        if (choice.second < kInf) raise(choice.target, price(choice.target) + (choice.second - choice.value));
      } else if (owner_[choice.target] >= 0) {
        choice.target = free_candidate(i, choice.value);
        if (choice.target < 0) continue;
      }
      const int32_t loser = take(i, choice.target);
      if (loser >= 0) displaced.push_back(loser);
    }
  }
}

void Auction::complete() {
  int64_t j = 0;
  for (int64_t i = 0; i < size(); ++i) {
    if (target_[i] >= 0) continue;
    while (owner_[j] >= 0) ++j;
    take(i, j);
  }
}

double Auction::primal() const {
  double sum = 0;
  for (int64_t i = 0; i < size(); ++i) sum += cost(i, target_[i]);
  return metric().common + sum / size();
}

double Auction::dual() {
  double sum = 0;
  for (int64_t i = 0; i < size(); ++i) sum += utility(i) - price(i);
  return metric().common + sum / size();
}

Auction::Choice Auction::best_candidate(int64_t i) const {
  const Candidates& found = candidates(i);
  Choice choice{0, kInf, kInf};
  for (int k = 0; k < kCandidates; ++k) {
    const double value = found.cost[k] + price(found.target[k]);
    if (value < choice.value) {
      choice = {found.target[k], value, choice.value};
    } else if (value < choice.second) {
      choice.second = value;
    }
  }
  return choice;
}

int32_t Auction::free_candidate(int64_t i, double value) const {
  const Candidates& found = candidates(i);
  for (int k = 0; k < kCandidates; ++k) {
    const int32_t j = found.target[k];
    if (owner_[j] < 0 && found.cost[k] + price(j) == value) return j;
  }
  return -1;
}

// The candidates hold the two best targets as long as the second is not above the bound on all others.
Auction::Choice Auction::choose(int64_t i) {
  const Choice choice = best_candidate(i);
  if (choice.second <= candidates(i).bound) return choice;
  search(i);
  return best_candidate(i);
}

int32_t Auction::take(int32_t i, int32_t j) {
  const int32_t loser = owner_[j];
  if (loser >= 0 && target_[loser] == j) target_[loser] = -1;
  owner_[j] = i;
  target_[i] = j;
  return loser;
}

}  // namespace pcgen
