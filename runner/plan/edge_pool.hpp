// Who waits for whom: lists of followers, cut from one pool, 16 bytes an edge. Knows nothing of states.
#pragma once

#include <cstdint>
#include <vector>

#include "common/check.hpp"
#include "common/ids.hpp"

namespace drover {

class EdgePool {
 public:
  using List = std::uint32_t;  // 0: empty

  void push(List& list, TaskId follower) {
    if (free_ == 0) {
      DROVER_CHECK(edges_.size() < UINT32_MAX);
      if (edges_.empty()) edges_.emplace_back();  // place 0 means empty
      edges_.push_back({follower, list});
      list = static_cast<List>(edges_.size() - 1);
    } else {
      const List place = free_;
      free_ = edges_[place].next;
      edges_[place] = {follower, list};
      list = place;
    }
    ++size_;
  }
  // Precondition: the list is not empty.
  TaskId pop(List& list) {
    const List place = list;
    const TaskId follower = edges_[place].follower;
    list = edges_[place].next;
    edges_[place].next = free_;
    free_ = place;
    --size_;
    return follower;
  }
  template <class Visit>
  void for_each(List list, Visit&& visit) const {
    for (; list != 0; list = edges_[list].next) visit(edges_[list].follower);
  }
  // Forgets all edges and gives their memory back; lists that were not empty must not be used again.
  void clear() {
    edges_ = {};
    free_ = 0;
    size_ = 0;
  }
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  struct Edge {
    TaskId follower = 0;
    List next = 0;
  };

  std::vector<Edge> edges_;
  List free_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace drover
