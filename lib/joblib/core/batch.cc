#include "joblib/core/batch.h"

#include <stdexcept>

#include "joblib/core/batch_state.h"

namespace joblib {

Batch& Batch::operator=(Batch&& other) noexcept {
  if (this != &other) {
    Batch dropped(std::move(*this));
    receiver_ = std::move(other.receiver_);
    state_ = std::exchange(other.state_, nullptr);
  }
  return *this;
}

Batch::~Batch() {
  if (state_ != nullptr) receiver_->DropBatch(*std::exchange(state_, nullptr));
}

std::size_t Batch::size() const {
  return state_ != nullptr ? receiver_->BatchSize(*state_) : 0;
}

internal::BatchState* Batch::Report() {
  if (state_ == nullptr) {
    throw std::logic_error(
        "This joblib::Batch was reported already: a backend calls run(), "
        "fail() or finish() once for each batch it was given.");
  }
  return std::exchange(state_, nullptr);
}

void Batch::run() {
  internal::BatchState* const state = Report();  // Throws without a receiver.
  receiver_->RunBatch(*state, /*worker_index=*/-1);
}

void Batch::fail(std::exception_ptr error) {
  internal::BatchState* const state = Report();
  receiver_->FailBatch(*state, std::move(error));
}

}  // namespace joblib
