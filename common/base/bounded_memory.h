#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <unordered_map>
#include <utility>

namespace registry {

// Remembers values by their keys: a bounded number of them, each until its own end. The one that
// was not asked for longest goes first. For one thread at a time. Moment is a point of any clock.
template <class Key, class Value, class Moment, class Hash = std::hash<Key>>
class BoundedMemory {
 public:
  // `limit` is at least 1.
  explicit BoundedMemory(std::size_t limit) : limit_(limit) {}
  BoundedMemory(const BoundedMemory&) = delete;
  BoundedMemory& operator=(const BoundedMemory&) = delete;

  // In the place of what was remembered under this key.
  void add(const Key& key, Value value, Moment end) {
    if (const auto known = places_.find(key); known != places_.end()) forget(known->second);
    if (places_.size() >= limit_) forget(std::prev(entries_.end()));
    entries_.push_front({key, std::move(value), end});
    try {
      places_.emplace(key, entries_.begin());
    } catch (...) {
      entries_.pop_front();
      throw;
    }
  }

  // The value of a key whose end has not come; null if there is none. Valid until the next call.
  [[nodiscard]] const Value* find(const Key& key, Moment now) {
    const auto known = places_.find(key);
    if (known == places_.end()) return nullptr;
    if (known->second->end <= now) {
      forget(known->second);
      return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, known->second);
    return &known->second->value;
  }

  void clear() {
    places_.clear();
    entries_.clear();
  }

  [[nodiscard]] std::size_t size() const { return places_.size(); }

 private:
  struct Entry {
    Key key;
    Value value;
    Moment end;
  };
  using Entries = std::list<Entry>;

  void forget(typename Entries::iterator entry) {
    places_.erase(entry->key);
    entries_.erase(entry);
  }

  const std::size_t limit_;
  Entries entries_;  // the one that was used last comes first
  std::unordered_map<Key, typename Entries::iterator, Hash> places_;
};

}  // namespace registry
