// An array as bytes, on its way to another process or back.
//
// Thread-safety: as ByteWriter, ByteReader. Errors: PicklingError, DecodeError.
#ifndef JOBLIB_ARRAY_ARRAY_VALUE_H_
#define JOBLIB_ARRAY_ARRAY_VALUE_H_

#include <cstddef>

#include "joblib/array/array_parts.h"
#include "joblib/core/byte_reader.h"
#include "joblib/core/byte_writer.h"

namespace joblib::internal {

void PutArray(ByteWriter& out, const ArrayParts& array, std::size_t item_bytes);
ArrayParts GetArray(ByteReader& in, const ElementInfo& element);

}  // namespace joblib::internal

#endif  // JOBLIB_ARRAY_ARRAY_VALUE_H_
