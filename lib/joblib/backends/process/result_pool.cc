#include "joblib/backends/process/result_pool.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/status/statusor.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

// Arrays at a time: each has a descriptor, of which the task needs some.
constexpr int kMaxArrays = 64;
constexpr std::size_t kPage = 4096;

std::atomic<std::uint32_t> forks{0};

// How often this process, or one that it was forked from, has called fork().
std::uint32_t ForksSoFar() {
  static std::once_flag once;
  std::call_once(once, [] {
    native::OnFork([] { forks.fetch_add(1); }, nullptr, nullptr).IgnoreError();
  });
  return forks.load();
}

std::uint32_t BitOf(int lent) { return std::uint32_t{1} << lent; }

}  // namespace

struct ResultPool::ResultMemory final : ArrayMemory {
  ResultMemory(ResultPool* from, Piece taken, std::size_t n)
      : pool(*from), piece(std::move(taken)) {
    data = piece.map.data();
    bytes = n;
    result_descriptor = piece.map.fd();
    pool.arrays_.fetch_add(1, std::memory_order_relaxed);
  }
  ~ResultMemory() override {
    pool.arrays_.fetch_sub(1, std::memory_order_relaxed);
    pool.Release(std::move(piece), is_announced);
  }
  ResultPool& pool;
  Piece piece;
  bool is_announced = false;  // On the worker's own thread.
};

ResultPool::ResultPool(ResultWords* words)
    : words_(*words), process_(native::ProcessId()) {}

std::shared_ptr<ArrayMemory> ResultPool::Make(std::size_t bytes, bool zeros) {
  if (arrays_.load(std::memory_order_relaxed) >= kMaxArrays) return nullptr;
  return MakeAny(bytes, zeros);
}

std::shared_ptr<ArrayMemory> ResultPool::MakeForCopy(std::size_t bytes) {
  return MakeAny(bytes, /*zeros=*/false);
}

std::shared_ptr<ArrayMemory> ResultPool::MakeAny(std::size_t bytes,
                                                 bool zeros) {
  if (bytes == 0 || process_ != native::ProcessId()) return nullptr;
  const std::size_t whole = (bytes + kPage - 1) / kPage * kPage;
  const std::uint32_t forks_now = ForksSoFar();
  Piece piece;
  std::uint64_t number;
  std::vector<Piece> gone;
  {
    absl::MutexLock lock(&mu_);
    HearParent(&gone);
    number = ++numbers_;
    for (std::size_t i = spare_.size(); i-- > 0;) {
      Piece& spare = spare_[i];
      const bool fits = spare.bytes == whole;
      if (spare.forks == forks_now && !fits) continue;
      --kept_;
      kept_bytes_ -= spare.bytes;
      const bool is_good = spare.forks == forks_now;
      (is_good ? piece : gone.emplace_back()) = std::move(spare);
      spare_.erase(spare_.begin() + static_cast<std::ptrdiff_t>(i));
      if (is_good) break;
    }
  }
  if (piece.bytes != 0 && !piece.map.SetAccess(true).ok()) piece = Piece();
  if (piece.bytes != 0) {
    if (zeros) std::memset(piece.map.data(), 0, bytes);
  } else {
    absl::StatusOr<native::FileMap> map = native::FileMap::Anonymous(whole);
    if (!map.ok()) return nullptr;
    piece.map = *std::move(map);
    piece.bytes = whole;
    piece.forks = forks_now;
  }
  piece.number = number;
  return std::make_shared<ResultMemory>(this, std::move(piece), bytes);
}

std::uint64_t ResultPool::Announce(ArrayMemory& memory) {
  auto& result = static_cast<ResultMemory&>(memory);
  result.is_announced = true;
  return result.piece.number;
}

void ResultPool::Retract(ArrayMemory& memory) {
  static_cast<ResultMemory&>(memory).is_announced = false;
}

void ResultPool::Release(Piece piece, bool is_announced) {
  // Also the child of a fork(), in which the lock may be held for ever.
  if (piece.forks != ForksSoFar()) return;
  std::vector<Piece> gone;
  absl::MutexLock lock(&mu_);
  if (is_announced) {
    announced_.push_back(std::move(piece));
  } else {
    AddSpare(std::move(piece), &gone);
  }
}

int ResultPool::Lend(std::uint64_t number) {
  std::vector<Piece> gone;
  Piece piece;
  absl::MutexLock lock(&mu_);
  const auto found =
      std::find_if(announced_.begin(), announced_.end(),
                   [&](const Piece& p) { return p.number == number; });
  if (found == announced_.end()) return -1;
  piece = std::move(*found);
  announced_.erase(found);
  HearParent(&gone);
  const auto free = std::find_if(lent_.begin(), lent_.end(),
                                 [](const Piece& p) { return p.bytes == 0; });
  if (free == lent_.end() || piece.forks != ForksSoFar() ||
      !MakeRoom(piece.bytes, &gone) || !piece.map.SetAccess(false).ok()) {
    return -1;
  }
  ++kept_;
  kept_bytes_ += piece.bytes;
  *free = std::move(piece);
  return static_cast<int>(free - lent_.begin());
}

void ResultPool::TakeBack(int lent) {
  std::vector<Piece> gone;
  absl::MutexLock lock(&mu_);
  Piece& piece = lent_[static_cast<std::size_t>(lent)];
  --kept_;
  kept_bytes_ -= piece.bytes;
  AddSpare(std::exchange(piece, Piece()), &gone);
}

void ResultPool::ForgetAnnounced() {
  std::vector<Piece> gone;
  absl::MutexLock lock(&mu_);
  for (Piece& piece : announced_) AddSpare(std::move(piece), &gone);
  announced_.clear();
}

void ResultPool::Trim() {
  std::vector<Piece> gone, spare;
  absl::MutexLock lock(&mu_);
  HearParent(&gone);
  for (const Piece& piece : spare_) kept_bytes_ -= piece.bytes;
  kept_ -= static_cast<int>(spare_.size());
  spare.swap(spare_);
}

void ResultPool::HearParent(std::vector<Piece>* gone) {
  // acquire: its maps were gone before.
  const std::uint32_t free = words_.free.exchange(0, std::memory_order_acquire);
  const std::uint32_t dropped =
      words_.dropped.exchange(0, std::memory_order_acquire);
  for (int i = 0; (free | dropped) != 0 && i < kMaxKeptResults; ++i) {
    Piece& piece = lent_[static_cast<std::size_t>(i)];
    if (((free | dropped) & BitOf(i)) == 0 || piece.bytes == 0) continue;
    --kept_;
    kept_bytes_ -= piece.bytes;
    if ((dropped & BitOf(i)) != 0) {
      gone->push_back(std::exchange(piece, Piece()));
    } else {
      AddSpare(std::exchange(piece, Piece()), gone);
    }
  }
}

void ResultPool::AddSpare(Piece piece, std::vector<Piece>* gone) {
  if (piece.forks != ForksSoFar() || !MakeRoom(piece.bytes, gone)) {
    gone->push_back(std::move(piece));
    return;
  }
  ++kept_;
  kept_bytes_ += piece.bytes;
  spare_.push_back(std::move(piece));
}

bool ResultPool::MakeRoom(std::size_t bytes, std::vector<Piece>* gone) {
  const auto has_room = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return kept_ < kMaxKeptResults && bytes <= kMaxKeptBytes - kept_bytes_;
  };
  while (!has_room()) {
    if (spare_.empty() || bytes > kMaxKeptBytes) return false;
    --kept_;
    kept_bytes_ -= spare_.front().bytes;
    gone->push_back(std::move(spare_.front()));
    spare_.erase(spare_.begin());
  }
  return true;
}

void ReturnedResults::Close() {
  absl::MutexLock lock(&mu_);
  words_ = nullptr;
}

void ReturnedResults::Tell(int lent, bool is_free) {
  absl::MutexLock lock(&mu_);
  if (words_ == nullptr) return;
  // release: whoever hears of it finds our map gone.
  (is_free ? words_->free : words_->dropped)
      .fetch_or(BitOf(lent), std::memory_order_release);
}

LentResult::LentResult(std::shared_ptr<ReturnedResults> to, int lent)
    : to_(std::move(to)),
      lent_(lent),
      process_(native::ProcessId()),
      forks_(ForksSoFar()) {}

LentResult::~LentResult() {
  // In the child of a fork() the map is its parent's, too.
  if (to_ == nullptr || lent_ < 0 || process_ != native::ProcessId()) return;
  to_->Tell(lent_, /*is_free=*/forks_ == ForksSoFar());
}

}  // namespace joblib::internal
