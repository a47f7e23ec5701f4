// Arrays in files: .npy, and plain elements as numpy.memmap has them.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <stdexcept>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "joblib/array/array_parts.h"
#include "joblib/array/element_type.h"
#include "joblib/array/npy_header.h"
#include "native/file_map.h"

namespace joblib::internal {
namespace {

// Elements that are not in a row are written by pieces of that many bytes.
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

struct MappedMemory final : ArrayMemory {
  explicit MappedMemory(native::FileMap taken) : map(std::move(taken)) {
    data = map.data();
    bytes = map.bytes();
    descriptor = map.fd();
  }
  native::FileMap map;
};

[[noreturn]] void Throw(const std::string& path, const absl::Status& status) {
  const std::string message(status.message());
  if (absl::IsInvalidArgument(status)) throw std::invalid_argument(message);
  throw std::runtime_error(message.find(path) != std::string::npos
                               ? message
                               : absl::StrCat(path, ": ", message));
}

void ThrowIfNot(const absl::Status& status, const std::string& path) {
  if (!status.ok()) Throw(path, status);
}

native::MappedFile Open(const std::string& path, native::FileUse use) {
  absl::StatusOr<native::MappedFile> file = native::MappedFile::Open(path, use);
  if (!file.ok()) Throw(path, file.status());
  return *std::move(file);
}

std::string ModeOf(const MmapMode& mode) {
  const std::string text = mode.has_value() ? mode.value().value : "None";
  if (text != "r" && text != "r+" && text != "w+" && text != "c") {
    throw std::invalid_argument(
        absl::StrCat("mode must be one of ['r', 'c', 'r+', 'w+'] (got ",
                     mode.has_value() ? "'" + text + "'" : text, ")"));
  }
  return text;
}

// In place of elements of a type, from `offset` on.
ArrayParts Map(native::MappedFile file, const std::string& path,
               const std::string& mode, ArrayLayout layout,
               std::uint64_t offset, const ElementInfo& element) {
  if (offset % element.alignment != 0) {
    throw std::invalid_argument(absl::StrCat(
        path, ": the offset ", offset, " is not a multiple of ",
        element.alignment,
        ", the alignment of the elements, so they can't be "
        "used where they lie. Read the file into memory instead."));
  }
  const std::size_t bytes =
      static_cast<std::size_t>(layout.size) * element.bytes;
  const native::MapMode how = mode == "r"   ? native::MapMode::kRead
                              : mode == "c" ? native::MapMode::kCopyOnWrite
                                            : native::MapMode::kReadWrite;
  absl::StatusOr<native::FileMap> map =
      native::FileMap::Map(std::move(file), offset, bytes, how);
  if (!map.ok()) Throw(path, map.status());
  auto memory = std::make_shared<MappedMemory>(*std::move(map));
  memory->mmap_mode = mode == "w+" ? "r+" : mode;
  memory->filename = path;
  memory->offset = offset;
  memory->writeable = mode != "r";
  ArrayParts parts;
  parts.data = memory->data;
  parts.memory = std::move(memory);
  parts.layout = std::make_shared<const ArrayLayout>(std::move(layout));
  return parts;
}

NpyHeader ReadHeader(const native::MappedFile& file, const std::string& path,
                     const ElementInfo& element, ArrayLayout* layout) {
  NpyHeader header;
  try {
    header = NpyHeader::Read(
        file.bytes(), [&](std::uint64_t offset, void* into, std::size_t n) {
          ThrowIfNot(file.Read(offset, into, n), path);
        });
    *layout = ArrayLayout::Contiguous(
        header.shape, header.fortran_order ? 'F' : 'C', header.type.bytes);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(absl::StrCat(
        path, " is no .npy file that can be read: ", error.what()));
  }
  const ElementType wanted = ElementType::OfType(element.descr, element.bytes);
  if (!header.type.Holds(wanted)) {
    throw std::invalid_argument(
        absl::StrCat(path, " holds elements of dtype ", header.type.text,
                     ", not ", wanted.text, ": load it as another type."));
  }
  const auto size = static_cast<std::uint64_t>(layout->size);
  if (size * element.bytes > file.bytes() - header.data_offset) {
    throw std::invalid_argument(absl::StrCat(
        path, " is too short: an array of shape ", ShapeText(header.shape),
        " takes ", size * element.bytes, " bytes, but only ",
        file.bytes() - header.data_offset, " are left after its header."));
  }
  return header;
}

// The file ends before `need`. Throws, or makes it longer.
void MakeLonger(native::MappedFile& file, const std::string& path,
                const std::string& mode, std::uint64_t need) {
  if (mode == "r" || mode == "c") {
    throw std::invalid_argument(
        absl::StrCat(path, " is too short: it has ", file.bytes(),
                     " bytes, and the array ends at byte ", need, "."));
  }
  ThrowIfNot(file.Extend(need), path);
}

void WriteElements(native::MappedFile& file, const std::string& path,
                   const ArrayParts& array, char order, std::uint64_t offset,
                   std::size_t item_bytes) {
  const ArrayLayout& layout = *array.layout;
  const std::size_t bytes = static_cast<std::size_t>(layout.size) * item_bytes;
  if (bytes == 0) return;
  if (layout.IsC() || layout.IsF() || layout.shape.empty()) {
    return ThrowIfNot(file.Write(offset, array.data, bytes), path);
  }
  // Only C order is left for these.
  const std::int64_t n = layout.shape[0];
  const std::size_t row_bytes = bytes / static_cast<std::size_t>(n);
  const auto rows = static_cast<std::int64_t>(
      std::max<std::size_t>(kPieceBytes / row_bytes, 1));
  std::vector<std::byte> piece;
  for (std::int64_t i = 0; i < n; i += rows) {
    std::int64_t first = 0;
    const ArrayLayout part = layout.Slice(i, std::min(n, i + rows), 1, &first);
    piece.resize(static_cast<std::size_t>(part.size) * item_bytes);
    GatherElements(array.data + static_cast<std::size_t>(first) * item_bytes,
                   part, item_bytes, order, piece.data());
    ThrowIfNot(file.Write(offset, piece.data(), piece.size()), path);
    offset += piece.size();
  }
}

}  // namespace

ArrayParts LoadArray(const std::string& path, const MmapMode& mode,
                     const ElementInfo& element) {
  const bool maps = mode.has_value();
  std::string how = maps ? ModeOf(mode) : "";
  if (how == "w+") how = "r+";  // As joblib: what is loaded is not emptied.
  native::MappedFile file = Open(
      path, how == "r+" ? native::FileUse::kReadWrite : native::FileUse::kRead);
  ArrayLayout layout;
  const NpyHeader header = ReadHeader(file, path, element, &layout);
  if (maps) {
    if (header.type.swapped) {
      throw std::invalid_argument(
          absl::StrCat(path, " has the other byte order (", header.type.text,
                       "), which can't be mapped: load it without a mode."));
    }
    return Map(std::move(file), path, how, std::move(layout),
               header.data_offset, element);
  }
  ArrayParts parts = NewArray(header.shape, header.fortran_order ? 'F' : 'C',
                              element.bytes, NewMemory::kRaw);
  const auto size = static_cast<std::size_t>(layout.size);
  ThrowIfNot(file.Read(header.data_offset, parts.data, size * element.bytes),
             path);
  if (header.type.swapped) header.type.Swap(parts.data, size);
  header.type.FixBools(parts.data, size);
  return parts;
}

void DumpArray(const ArrayParts& array, const std::string& path,
               const ElementInfo& element) {
  std::error_code ignored;
  if (array.memory != nullptr && !array.memory->filename.empty() &&
      std::filesystem::equivalent(array.memory->filename, path, ignored)) {
    throw std::invalid_argument(absl::StrCat(
        path, " is the file that this array maps: dump it to another one."));
  }
  ElementType::OfType(element.descr, element.bytes);
  const ArrayLayout& layout = *array.layout;
  const bool is_f = !layout.IsC() && layout.IsF();
  const std::string header =
      NpyHeader::Write(element.descr, is_f, layout.shape);
  native::MappedFile file = Open(path, native::FileUse::kCreate);
  try {
    ThrowIfNot(
        file.Extend(header.size() +
                    static_cast<std::size_t>(layout.size) * element.bytes),
        path);
    ThrowIfNot(file.Write(0, header.data(), header.size()), path);
    WriteElements(file, path, array, 'C', header.size(), element.bytes);
  } catch (...) {
    std::filesystem::remove(path, ignored);
    throw;
  }
}

ArrayParts MapFile(const std::string& path, const MmapMode& mode,
                   const std::vector<std::int64_t>* shape, std::int64_t offset,
                   char order, const ElementInfo& element) {
  const std::string how = ModeOf(mode);
  ElementType::OfType(element.descr, element.bytes);
  if (offset < 0) {
    throw std::invalid_argument(
        absl::StrCat("The offset of a map must not be negative, got ", offset));
  }
  if (how == "w+" && shape == nullptr) {
    throw std::invalid_argument("shape must be given if mode == 'w+'");
  }
  // All of it before a file is made or emptied.
  ArrayLayout layout;
  const auto begin = static_cast<std::uint64_t>(offset);
  if (shape != nullptr) {
    layout = ArrayLayout::Contiguous(*shape, order, element.bytes);
    if (static_cast<std::uint64_t>(layout.size) * element.bytes >
        static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) -
            begin) {
      throw std::invalid_argument(
          absl::StrCat("An array of shape ", ShapeText(*shape), " at offset ",
                       offset, " is larger than a file can be."));
    }
  }
  native::MappedFile file =
      Open(path, how == "w+"   ? native::FileUse::kCreate
                 : how == "r+" ? native::FileUse::kReadWrite
                               : native::FileUse::kRead);
  if (shape == nullptr) {
    if (begin > file.bytes()) {
      throw std::invalid_argument(
          absl::StrCat("The offset ", offset, " lies beyond the end of ", path,
                       ", which has ", file.bytes(), " bytes."));
    }
    const std::uint64_t bytes = file.bytes() - begin;
    if (bytes % element.bytes != 0) {
      throw std::invalid_argument(absl::StrCat(
          "Size of the available data is not a multiple of the data-type "
          "size: ",
          path, " has ", bytes,
          " bytes from its offset on, and an "
          "element ",
          element.bytes, "."));
    }
    layout = ArrayLayout::Contiguous(
        {static_cast<std::int64_t>(bytes / element.bytes)}, order,
        element.bytes);
  }
  const std::uint64_t end =
      begin + static_cast<std::uint64_t>(layout.size) * element.bytes;
  if (end > file.bytes()) MakeLonger(file, path, how, end);
  return Map(std::move(file), path, how, std::move(layout), begin, element);
}

}  // namespace joblib::internal
