"""Makes the source package that tools/amalgamate writes.

    make_source_package.py PARAMETERS VERSION TAR    see source_package.bzl

Abseil is part of it, under a name of its own as in the built libraries:
distributions build theirs with types of its own for std::string_view and the
like, which our C++20 can't be linked with.
"""

import gzip
import re
import sys
import tarfile

import make_package

# Where a source lies in the package, by its path in Bazel's work tree.
_PLACES = [
    (r"(lib/joblib|native)/", r"\g<0>"),
    (r"\.\./com_google_absl/absl/", "third_party/abseil/absl/"),
    (r"\.\./cereal/include/cereal/", "third_party/cereal/cereal/"),
]
_OPTIONS = "third_party/abseil/absl/base/options.h"


def place_of(short_path):
    for pattern, place in _PLACES:
        match = re.match(pattern, short_path)
        if match:
            return match.expand(place) + short_path[match.end() :]
    return None


def is_wanted(place):
    return place.startswith(("lib/", "native/", "third_party/abseil/")) or (
        make_package.CEREAL.match(place[len("third_party/cereal/") :])
    )


def main(arguments):
    parameters_path, version, output = arguments
    parameters = make_package.read_parameters(parameters_path)
    files = {}
    for line in parameters["source"]:
        short_path, path = line.split("=", 1)
        place = place_of(short_path)
        if place and is_wanted(place):
            files[place] = make_package.bytes_of(path)
    name = make_package.ABSEIL.sub(
        make_package.ABSEIL_OURS, files[_OPTIONS].decode()
    )
    files[_OPTIONS] = name.encode()
    headers = make_package.installed_headers(
        {
            place[len("lib/") :]: path
            for place, path in (
                (place_of(line.split("=", 1)[0]) or "", line.split("=", 1)[1])
                for line in parameters["source"]
            )
            if place.startswith("lib/")
        }
    )
    values = make_package.version_values(version)
    for path in parameters["template"]:
        text = make_package.fill_in(make_package.text_of(path), values)
        files["cmake/" + make_package.template_name(path)] = text.encode()
    sources = [place for place in sorted(files) if place.endswith(".cc")]
    values["SOURCES"] = "\n  ".join(sources)
    values["HEADERS"] = "\n  ".join("lib/" + place for place in headers)
    cmake = make_package.text_of(parameters["cmake"][0])
    files["CMakeLists.txt"] = make_package.fill_in(cmake, values).encode()
    files["cmake/no_udev.c"] = make_package.bytes_of(parameters["no_udev"][0])
    for line in parameters["license"]:
        license_name, path = line.split("=", 1)
        files["licenses/" + license_name] = make_package.bytes_of(path)
    # No time of its own: the same bytes whenever it is made.
    with open(output, "wb") as stream, gzip.GzipFile(
        "", "wb", fileobj=stream, mtime=0
    ) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for place in sorted(files):
            make_package.add(tar, "joblib-%s/%s" % (version, place), files[place])


if __name__ == "__main__":
    main(sys.argv[1:])
