// Work for all threads, and memory for each of them.
#pragma once

#include <ATen/Parallel.h>

#include <atomic>
#include <memory>
#include <new>
#include <utility>

#include "vectors.h"

namespace graft {

// Calls task(i) for each i below `count`, and done() in each thread that took part. Whoever is free takes the next, so
// a thread that the system holds up does not hold up the others.
template <class Task, class Done>
void run_tasks(int64_t count, Task&& task, Done&& done) {
  std::atomic<int64_t> next{0};
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), count);
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    for (int64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) task(i);
    done();
  });
}

template <class Task>
void run_tasks(int64_t count, Task&& task) {
  run_tasks(count, task, [] {});
}

// A thread's own memory, kept from call to call: fresh pages cost more than the arithmetic on them.
class Scratch {
 public:
  static Scratch& of_this_thread() {
    thread_local Scratch scratch;
    return scratch;
  }

  // Sets aside room for everything that `take` will ask for until the next `reset`.
  void reset(size_t bytes) {
    used_ = 0;
    if (bytes > size_) {
      memory_.reset();
      memory_.reset(static_cast<char*>(::operator new(bytes, ALIGNMENT)));
      size_ = bytes;
    }
  }

  template <class T>
  static size_t bytes_for(int64_t count) {
    return static_cast<size_t>(round_up(count * static_cast<int64_t>(sizeof(T)), 64));
  }

  template <class T>
  T* take(int64_t count) {
    char* start = memory_.get() + used_;
    used_ += bytes_for<T>(count);
    TORCH_CHECK(used_ <= size_, "scratch memory too small");
    return reinterpret_cast<T*>(start);
  }

 private:
  static constexpr std::align_val_t ALIGNMENT{64};
  struct Free {
    void operator()(char* p) const { ::operator delete(p, ALIGNMENT); }
  };
  std::unique_ptr<char, Free> memory_;
  size_t size_ = 0;
  size_t used_ = 0;
};

}  // namespace graft
