#include "kernels/cpu/emd_auction.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pcgen {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Candidates no_candidates() {
  Candidates none{};
  std::fill_n(none.cost, kCandidates, kInf);
  none.bound = -kInf;
  return none;
}

}  // namespace

Auction::Auction(const std::vector<double>& x, const std::vector<double>& y, const std::vector<double>& prices,
                 bool squared, bool tilted)
    : n_(x.size() / 3),
      x_(x),
      tree_(y, prices, squared, tilted),
      squared_(squared),
      candidates_(n_, no_candidates()),
      target_(n_, -1),
      owner_(prices.size(), -1) {}

void Auction::release() {
  std::fill(target_.begin(), target_.end(), -1);
  std::fill(owner_.begin(), owner_.end(), -1);
}

std::vector<int32_t> Auction::free_points() const {
  std::vector<int32_t> free;
  for (int64_t i = 0; i < n_; ++i) {
    if (target_[i] < 0) free.push_back(static_cast<int32_t>(i));
  }
  return free;
}

bool Auction::assign(double epsilon, int64_t max_bids) {
  tree_.tilt();
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
  for (int64_t i = 0; i < n_; ++i) {
    if (target_[i] >= 0) continue;
    while (owner_[j] >= 0) ++j;
    take(i, j);
  }
}

double Auction::primal() const {
  double sum = 0;
  for (int64_t i = 0; i < n_; ++i) sum += cost(i, target_[i]);
  return sum / n_;
}

double Auction::dual() {
  double sum = 0;
  for (int64_t i = 0; i < n_; ++i) sum += utility(i) - tree_.price(i);
  return sum / n_;
}

double Auction::utility(int64_t i) {
  if (best_candidate(i).value > candidates_[i].bound) search(i);
  return best_candidate(i).value;
}

double Auction::cost(int64_t i, int64_t j) const {
  const PricedBoxes& y = tree_.view().level[0];
  const double dx = x_[3 * i] - y.center[0][j], dy = x_[3 * i + 1] - y.center[1][j],
               dz = x_[3 * i + 2] - y.center[2][j];
  const double dist2 = std::fma(dz, dz, std::fma(dy, dy, dx * dx));
  return squared_ ? dist2 : std::sqrt(dist2);
}

Auction::Choice Auction::best_candidate(int64_t i) const {
  const Candidates& candidates = candidates_[i];
  Choice choice{0, kInf, kInf};
  for (int k = 0; k < kCandidates; ++k) {
    const double value = candidates.cost[k] + tree_.price(candidates.target[k]);
    if (value < choice.value) {
      choice = {candidates.target[k], value, choice.value};
    } else if (value < choice.second) {
      choice.second = value;
    }
  }
  return choice;
}

int32_t Auction::free_candidate(int64_t i, double value) const {
  const Candidates& candidates = candidates_[i];
  for (int k = 0; k < kCandidates; ++k) {
    const int32_t j = candidates.target[k];
    if (owner_[j] < 0 && candidates.cost[k] + tree_.price(j) == value) return j;
  }
  return -1;
}

// The candidates hold the two best targets as long as the second is not above the bound on all others.
Auction::Choice Auction::choose(int64_t i) {
  const Choice choice = best_candidate(i);
  if (choice.second <= candidates_[i].bound) return choice;
  search(i);
  return best_candidate(i);
}

void Auction::search(int64_t i) {
  Candidates& candidates = candidates_[i];
  // The first search of a point is limited by what its neighbour in compact order found.
  if (candidates.bound == -kInf && i > 0 && std::abs(candidates_[i - 1].bound) < kInf) {
    for (int k = 0; k < kCandidates; ++k) {
      candidates.target[k] = candidates_[i - 1].target[k];
      candidates.cost[k] = cost(i, candidates.target[k]);
    }
  }
  kernels_.nearest(tree_.view(), &x_[3 * i], squared_, candidates);
}

int32_t Auction::take(int32_t i, int32_t j) {
  const int32_t loser = owner_[j];
  if (loser >= 0 && target_[loser] == j) target_[loser] = -1;
  owner_[j] = i;
  target_[i] = j;
  return loser;
}

}  // namespace pcgen
