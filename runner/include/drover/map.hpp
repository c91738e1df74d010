// One call for each element of a range: Coordinator::map and map_unordered.
//
//   for (double value : coordinator.map<&render>(shots)) …                       // in order; throws where it
//   failed for (auto&& [index, result] : coordinator.map_unordered<&render>(shots)) …   // as they come;
//   result.value() throws
//
// Elements are taken from the range while the results are read, never far ahead. The tasks travel in batches
// that are as large as they are short; each has its own timeout, retries and end all the same. One thread
// iterates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <drover/detail/call.hpp>
#include <drover/detail/task.hpp>
#include <drover/task_handle.hpp>

namespace drover {

struct MapOptions {
  // How many elements are taken ahead of the results read; 0: learned from how long the tasks take.
  std::size_t buffer = 0;
  std::chrono::nanoseconds timeout{0};                 // of each attempt of each task; 0: none
  std::optional<std::chrono::nanoseconds> grace = {};  // unset: the coordinator's
  std::uint32_t retries = 0;
};

// How one task ended: its value, or what it threw.
template <class R>
class TaskResult {
 public:
  explicit TaskResult(detail::Task& ended) {
    if (ended.state.load(std::memory_order_relaxed) != TaskStatus::Succeeded) {
      error_ = detail::failure_of(ended);
      return;
    }
    try {
      if constexpr (!std::is_void_v<R>) value_.emplace(detail::value_of<R>(ended));
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  [[nodiscard]] bool has_value() const { return error_ == nullptr; }
  explicit operator bool() const { return has_value(); }
  // Throws how the task ended when it has no value.
  decltype(auto) value() & {
    if (error_) std::rethrow_exception(error_);
    if constexpr (!std::is_void_v<R>) return static_cast<R&>(*value_);
  }
  R value() && {
    if (error_) std::rethrow_exception(error_);
    if constexpr (!std::is_void_v<R>) return std::move(*value_);
  }
  // Null when there is a value.
  [[nodiscard]] std::exception_ptr error() const { return error_; }

 private:
  std::optional<std::conditional_t<std::is_void_v<R>, std::monostate, R>> value_;
  std::exception_ptr error_;
};

namespace detail {

class Pool;

struct MapSource {
  std::shared_ptr<Pool> pool;
  unsigned workers = 1;
};

// The part that knows no types.
class MapCore {
 public:
  MapCore(MapSource source, MapOptions options, bool ordered);
  ~MapCore();  // cancels what has not ended
  MapCore(const MapCore&) = delete;
  MapCore& operator=(const MapCore&) = delete;

  // How many elements should be added now.
  [[nodiscard]] std::size_t wanted() const;
  // Room for so many tasks, then each of them in order, then off with those that were begun.
  void reserve(std::size_t count);
  Task& add(std::uint32_t function);
  void added();  // what add() returned is complete
  void flush();
  [[nodiscard]] bool empty() const;  // nothing is under way or waits to be read
  // The next task that has ended, and its index; lives until the next call. Precondition: not empty.
  std::pair<Task*, std::uint64_t> next();

  struct State;

 private:
  std::shared_ptr<State> state_;
};

template <auto F, std::ranges::view View>
class MapRange {
 public:
  using R = ResultOf<F>;

  MapRange(MapSource source, View view, const MapOptions& options, bool ordered)
      : view_(std::make_unique<View>(std::move(view))),
        options_(options),
        core_(std::make_unique<MapCore>(std::move(source), options, ordered)) {}

 protected:
  // False: all has been read.
  bool advance() {
    fill();
    if (core_->empty()) return false;
    const auto [task, index] = core_->next();
    index_ = index;
    result_.emplace(*task);
    return true;
  }

  std::uint64_t index_ = 0;
  std::optional<TaskResult<R>> result_;

 private:
  void fill() {
    std::size_t count = core_->wanted();
    if (count == 0 || ended_) return;
    if (!at_) at_.emplace(std::ranges::begin(*view_));
    core_->reserve(count);
    for (; count != 0; --count) {
      if (*at_ == std::ranges::end(*view_)) {
        ended_ = true;
        break;
      }
      add(**at_);
      ++*at_;
    }
    core_->flush();
  }
  template <class Element>
  void add(Element&& element) {
    Task& task = core_->add(number_of<F>());
    prepare(task, {});
    if constexpr (arity<F> == 1) {
      encode_call<F>(task, element);
    } else {
      std::apply([&](const auto&... each) { encode_call<F>(task, each...); }, element);
    }
    core_->added();
  }

  // Behind pointers: the range can be moved while an iterator of the view is kept.
  std::unique_ptr<View> view_;
  std::optional<std::ranges::iterator_t<View>> at_;
  bool ended_ = false;
  MapOptions options_;
  std::unique_ptr<MapCore> core_;
};

template <class Range, class Reference>
class MapIterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using difference_type = std::ptrdiff_t;
  using value_type = std::remove_cvref_t<Reference>;

  MapIterator() = default;
  explicit MapIterator(Range& range) : range_(&range) { ++*this; }
  Reference operator*() const { return range_->current(); }
  MapIterator& operator++() {
    if (!range_->advance()) range_ = nullptr;
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const MapIterator& each, std::default_sentinel_t) { return each.range_ == nullptr; }

 private:
  Range* range_ = nullptr;
};

}  // namespace detail

template <auto F, std::ranges::view View>
class Map : private detail::MapRange<F, View> {
  using Base = detail::MapRange<F, View>;
  using R = typename Base::R;
  using Reference = std::conditional_t<std::is_void_v<R>, std::monostate, std::add_lvalue_reference_t<R>>;

 public:
  using Iterator = detail::MapIterator<Map, Reference>;

  Map(detail::MapSource source, View view, const MapOptions& options)
      : Base(std::move(source), std::move(view), options, true) {}
  Iterator begin() { return Iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  friend Iterator;
  using Base::advance;
  Reference current() {
    if constexpr (std::is_void_v<R>) {
      this->result_->value();
      return {};
    } else {
      return this->result_->value();
    }
  }
};

template <auto F, std::ranges::view View>
class MapUnordered : private detail::MapRange<F, View> {
  using Base = detail::MapRange<F, View>;
  using Reference = std::pair<std::uint64_t, TaskResult<typename Base::R>&>;

 public:
  using Iterator = detail::MapIterator<MapUnordered, Reference>;

  MapUnordered(detail::MapSource source, View view, const MapOptions& options)
      : Base(std::move(source), std::move(view), options, false) {}
  Iterator begin() { return Iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  friend Iterator;
  using Base::advance;
  Reference current() { return {this->index_, *this->result_}; }
};

}  // namespace drover
