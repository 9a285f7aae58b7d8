#include "kernels/cpu/emd_forest.h"

#include <algorithm>

namespace pcgen {
namespace {

// Nodes are the points of x, then those of y; every node but a root has a flow to or from its parent.
class Forest {
 public:
  Forest(int64_t n, int64_t m) : parent_(n + m, -1), amount_(n + m), cost_(n + m), mark_(n + m, -1) {}

  void add(int32_t u, int32_t v, int64_t amount, double cost) {
    find_cycle(u, v);
    int32_t cut = -1;
    if (closed_) {
      // The flows of a cycle are more and less by turns, so that every point keeps its sum.
      double change = cost;
      for (size_t k = 0; k < cycle_.size(); ++k) change += k % 2 ? cost_[cycle_[k]] : -cost_[cycle_[k]];
      const bool more = change <= 0;
      int64_t moved = more ? amount_[cycle_[0]] : amount;
      for (size_t k = more ? 0 : 1; k < cycle_.size(); k += 2) moved = std::min(moved, amount_[cycle_[k]]);
      amount += more ? moved : -moved;
      for (size_t k = 0; k < cycle_.size(); ++k) {
        amount_[cycle_[k]] += (k % 2 == 1) == more ? moved : -moved;
        if (amount_[cycle_[k]] == 0) cut = static_cast<int32_t>(k);
      }
      if (amount == 0) return;
      parent_[cycle_[cut]] = -1;
      if (cut >= above_v_) std::swap(u, v);  // the end that was cut off becomes the child
    }
    make_root(v);
    parent_[v] = u;
    amount_[v] = amount;
    cost_[v] = cost;
  }

  std::vector<Flow> flows(int32_t n) const {
    std::vector<Flow> flows;
    for (int32_t node = 0; node < static_cast<int32_t>(parent_.size()); ++node) {
      if (parent_[node] < 0 || amount_[node] == 0) continue;
      flows.push_back({std::min(node, parent_[node]), std::max(node, parent_[node]) - n, amount_[node]});
    }
    return flows;
  }

 private:
  // Nodes whose flows to their parents lead from v to u; closed_ is false if there is no way.
  void find_cycle(int32_t u, int32_t v) {
    ++visit_;
    cycle_.clear();
    for (int32_t node = u; node >= 0; node = parent_[node]) mark_[node] = visit_;
    int32_t top = v;
    for (; top >= 0 && mark_[top] != visit_; top = parent_[top]) cycle_.push_back(top);
    closed_ = top >= 0;
    above_v_ = static_cast<int32_t>(cycle_.size());
    if (!closed_) return;
    for (int32_t node = u; node != top; node = parent_[node]) cycle_.push_back(node);
    std::reverse(cycle_.begin() + above_v_, cycle_.end());
  }

  void make_root(int32_t node) {
    int32_t child = -1;
    int64_t amount = 0;
    double cost = 0;
    while (node >= 0) {
      const int32_t next = parent_[node];
      parent_[node] = child;
      std::swap(amount_[node], amount);
      std::swap(cost_[node], cost);
      child = node;
      node = next;
    }
  }

  std::vector<int32_t> parent_;
  std::vector<int64_t> amount_;
  std::vector<double> cost_;
  std::vector<int32_t> mark_, cycle_;
  int32_t visit_ = 0, above_v_ = 0;
  bool closed_ = false;
};

}  // namespace

std::vector<Flow> without_cycles(const std::vector<Flow>& flows, int64_t n, int64_t m,
                                 const std::function<double(int32_t from, int32_t to)>& cost) {
  Forest forest(n, m);
  for (const Flow& flow : flows) {
    forest.add(flow.from, static_cast<int32_t>(n + flow.to), flow.amount, cost(flow.from, flow.to));
  }
  return forest.flows(static_cast<int32_t>(n));
}

}  // namespace pcgen
