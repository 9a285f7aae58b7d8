#include "kernels/cpu/emd_transport.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

namespace pcgen {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

}  // namespace

TransportAuction::TransportAuction(const std::vector<double>& x, const std::vector<int64_t>& supply,
                                   const std::vector<double>& y, const std::vector<int64_t>& capacity,
                                   const std::vector<double>& prices, const Metric& metric)
    : Bidders(x, y, prices, metric),
      supply_(supply),
      capacity_(capacity),
      targets_(capacity.size()),
      waits_(supply.size()),
      units_(std::accumulate(supply.begin(), supply.end(), int64_t(0))) {
  release();
}

void TransportAuction::release() {
  left_.assign(supply_.size(), 0);
  waits_.assign(supply_.size(), false);
  for (size_t j = 0; j < targets_.size(); ++j) targets_[j] = {capacity_[j], {}};
  waiting_.clear();
  for (size_t i = 0; i < supply_.size(); ++i) free(static_cast<int32_t>(i), supply_[i]);
}

void TransportAuction::free(int32_t i, int64_t amount) {
  left_[i] += amount;
  if (!waits_[i]) waiting_.push_back(i);
  waits_[i] = true;
}

void TransportAuction::assign(double epsilon, int64_t max_bids) {
  const int64_t last = bids_ + max_bids;
  std::vector<int32_t> round;
  while (!waiting_.empty()) {
    round.clear();
    std::swap(round, waiting_);
    for (const int32_t i : round) {
      waits_[i] = false;
      if (left_[i] == 0) continue;
      if (bids_ == last) {
        free(i, 0);
        continue;
      }
      ++bids_;
      bid(i, epsilon);
    }
    if (bids_ == last) break;
  }
}

double TransportAuction::open_price(int32_t i, int32_t j) const {
  const Target& target = targets_[j];
  if (target.unsold > 0 || target.holdings[0].owner != i) return price(j);
  double least = kInf;
  for (const Holding& holding : target.holdings) {
    if (holding.owner != i) least = std::min(least, holding.price);
  }
  return least;
}

void TransportAuction::raise_own(int32_t i, double value) {
  if (value == kInf) return;
  const Candidates& found = candidates(i);
  for (int k = 0; k < kCandidates; ++k) {
    const int32_t j = found.target[k];
    if (!(found.cost[k] + price(j) < value)) continue;
    Target& target = targets_[j];
    if (target.unsold > 0 || target.holdings[0].owner != i) continue;
    target.holdings[0].price = value - found.cost[k];
    std::make_heap(target.holdings.begin(), target.holdings.end(), std::greater<>());
    raise(j, target.holdings[0].price);
  }
}

bool TransportAuction::owns_elsewhere(int32_t i, int32_t target, double value) const {
  const Candidates& found = candidates(i);
  for (int k = 0; k < kCandidates; ++k) {
    const int32_t j = found.target[k];
    if (j == target || !(found.cost[k] + price(j) < value)) continue;
    if (targets_[j].unsold == 0 && targets_[j].holdings[0].owner == i) return true;
  }
  return false;
}

TransportAuction::Choice TransportAuction::best_candidate(int32_t i) const {
  const Candidates& found = candidates(i);
  Choice choice{-1, kInf, kInf, true};
  for (int k = 0; k < kCandidates; ++k) {
    const int32_t j = found.target[k];
    if (found.cost[k] == kInf || found.cost[k] + price(j) >= choice.next) continue;
    const double value = found.cost[k] + open_price(i, j);
    if (value < choice.value) {
      choice = {j, value, choice.value, true};
    } else if (value < choice.next) {
      choice.next = value;
    }
  }
  if (choice.next > found.bound) {
    choice.certain = false;
    choice.next = found.bound;
    if (choice.value > found.bound) choice.target = -1;
  }
  return choice;
}

void TransportAuction::bid(int32_t i, double epsilon) {
  Choice choice = best_candidate(i);
  if (!choice.certain) {
    search(i);
    choice = best_candidate(i);
  }
  if (choice.target < 0) {
    raise_own(i, choice.next + epsilon);
    return free(i, 0);
  }
  const double next = choice.next < kInf ? choice.next : choice.value;
  Target& target = targets_[choice.target];
  std::vector<Holding>& holdings = target.holdings;
  const double open = open_price(i, choice.target);
  double paid = open + (next + epsilon - choice.value);
  int64_t taken = std::min(left_[i], target.unsold);
  target.unsold -= taken;
  // What was paid for a unit is justified for every unit of the same owner: a point has one holding of a target.
  Holding mine{0, i, 0};
  const auto found = std::find_if(holdings.begin(), holdings.end(), [&](const Holding& h) { return h.owner == i; });
  if (found != holdings.end()) {
    mine = *found;
    *found = holdings.back();
    holdings.pop_back();
    std::make_heap(holdings.begin(), holdings.end(), std::greater<>());
  }
  while (taken < left_[i] && !holdings.empty() && holdings[0].price < paid - epsilon / 2) {
    const int64_t lost = std::min(left_[i] - taken, holdings[0].amount);
    taken += lost;
    free(holdings[0].owner, lost);
    holdings[0].amount -= lost;
    if (holdings[0].amount > 0) break;
    std::pop_heap(holdings.begin(), holdings.end(), std::greater<>());
    holdings.pop_back();
  }
  // Units that others keep are an offer to i as long as they are cheaper: its units elsewhere may not cost more, and
  // once they are gone its price here may not be above that of its units elsewhere.
  const double least = target.unsold > 0 ? price(choice.target) : holdings.empty() ? kInf : holdings[0].price;
  const double offer = std::min(next, choice.value + (least - open));
  if (taken == left_[i] && owns_elsewhere(i, choice.target, next)) {
    paid = std::min(paid, open + (offer + 2 * epsilon - choice.value));
  }
  if (mine.amount + taken > 0) {
    holdings.push_back({std::max(mine.price, paid), i, mine.amount + taken});
    std::push_heap(holdings.begin(), holdings.end(), std::greater<>());
  }
  if (target.unsold == 0) raise(choice.target, holdings[0].price);
  left_[i] -= taken;
  if (left_[i] > 0) free(i, 0);
  raise_own(i, offer + epsilon);
}

void TransportAuction::complete(double reach) {
  Reach paths(*this, targets_.size());
  via_.assign(size(), -1);
  for (const int32_t i : waiting_) {
    waits_[i] = false;
    while (left_[i] > 0) {
      for (double wider = reach; !augment(paths, i, wider); wider *= 4) {}
    }
  }
  waiting_.clear();
}

bool TransportAuction::augment(Reach& paths, int32_t start, double reach) {
  const auto is_unsold = [&](int32_t j) { return targets_[j].unsold > 0; };
  for (const int32_t i : reached_) via_[i] = -1;
  reached_.clear();
  paths.clear(reach);
  via_[start] = -2;
  paths.relax(start, utility(start), 0, is_unsold);
  for (int32_t j; (j = paths.next()) >= 0;) {
    for (const Holding& holding : targets_[j].holdings) {
      if (via_[holding.owner] != -1) continue;
      via_[holding.owner] = j;
      reached_.push_back(holding.owner);
      paths.relax(holding.owner, cost(holding.owner, j) + price(j), paths.distance(j), is_unsold);
    }
  }
  via_[start] = -1;
  if (paths.end() < 0) return false;
  paths.raise_prices();
  flip(paths, start);
  return true;
}

void TransportAuction::flip(const Reach& paths, int32_t start) {
  const auto held = [&](int32_t i, int32_t j) {
    for (const Holding& holding : targets_[j].holdings) {
      if (holding.owner == i) return holding.amount;
    }
    return int64_t(0);
  };
  const int32_t end = paths.end();
  int64_t amount = std::min(left_[start], targets_[end].unsold);
  for (int32_t i = paths.from(end); i != start; i = paths.from(via_[i])) amount = std::min(amount, held(i, via_[i]));
  targets_[end].unsold -= amount;
  left_[start] -= amount;
  int32_t j = end;
  for (int32_t i = paths.from(end);; i = paths.from(j)) {
    give(i, j, amount);
    if (i == start) break;
    give(i, via_[i], -amount);
    j = via_[i];
  }
}

void TransportAuction::give(int32_t i, int32_t j, int64_t amount) {
  std::vector<Holding>& holdings = targets_[j].holdings;
  const auto mine = std::find_if(holdings.begin(), holdings.end(), [&](const Holding& h) { return h.owner == i; });
  if (mine == holdings.end()) {
    holdings.push_back({price(j), i, amount});
  } else if ((mine->amount += amount) == 0) {
    *mine = holdings.back();
    holdings.pop_back();
  }
}

double TransportAuction::primal() const {
  double sum = 0;
  for (size_t j = 0; j < targets_.size(); ++j) {
    for (const Holding& holding : targets_[j].holdings) sum += holding.amount * cost(holding.owner, j);
  }
  return metric().common + sum / units_;
}

double TransportAuction::dual() {
  double sum = 0;
  for (int64_t i = 0; i < size(); ++i) sum += supply_[i] * utility(i);
  for (size_t j = 0; j < targets_.size(); ++j) sum -= capacity_[j] * price(j);
  return metric().common + sum / units_;
}

std::vector<Flow> TransportAuction::flows() const {
  std::vector<Flow> flows;
  for (size_t j = 0; j < targets_.size(); ++j) {
    for (const Holding& holding : targets_[j].holdings) {
      flows.push_back({holding.owner, static_cast<int32_t>(j), holding.amount});
    }
  }
  return flows;
}

}  // namespace pcgen
