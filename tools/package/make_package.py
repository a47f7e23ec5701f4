"""Makes the tree that tools/install lays under a prefix, as a tar.

    make_package.py PARAMETERS VERSION TAR    PARAMETERS: package.bzl writes it

Both libraries hold a copy of Abseil that is theirs alone: its names are
changed, so that a program may use another Abseil, or the same release built
otherwise. Nothing in the tree depends on where it will lie.
"""

import collections
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile

import exports

# Abseil's release is an inline namespace; it is in every name, and at the end
# of its C functions'. Ours is as long, which keeps mangled names valid.
ABSEIL = re.compile(r"lts_(?=\d{8})")
ABSEIL_OURS = "jl__"

# Not its JSON and XML, which need rapidjson and rapidxml.
CEREAL = re.compile(r"cereal/(?!external/|archives/(json|xml))")

_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def read_parameters(path):
    parameters = collections.defaultdict(list)
    with open(path, encoding="utf-8") as stream:
        for line in stream:
            key, value = line.rstrip("\n").split("=", 1)
            parameters[key].append(value)
    return parameters


def run(command):
    # Bazel's compiler is found by a relative path.
    subprocess.run(command, check=True)


def text_of(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def bytes_of(path):
    with open(path, "rb") as stream:
        return stream.read()


def installed_headers(files):
    """Those of {place: file} that "joblib/*.h" reaches, and all of cereal."""
    chosen = {place for place in files if CEREAL.match(place)}
    todo = [place for place in files if re.fullmatch(r"joblib/\w+\.h", place)]
    while todo:
        place = todo.pop()
        if place in chosen:
            continue
        chosen.add(place)
        for spelling in _INCLUDE.findall(text_of(files[place])):
            if spelling in files:
                todo.append(spelling)
            elif "/" in spelling and re.match(r"(joblib|native|absl|hwloc)/", spelling):
                sys.exit("%s includes %s, which is not installed" % (place, spelling))
    return {place: files[place] for place in sorted(chosen)}


def symbols_of(nm, objects):
    """({defined: nm's letter}, all) of the global symbols."""
    defined, every = {}, set()
    for line in exports.run([nm, "-g"] + objects).splitlines():
        words = line.split()
        if len(words) < 2 or len(words[-2]) != 1:
            continue
        every.add(words[-1])
        if words[-2] not in "Uwv":
            defined[words[-1]] = words[-2]
    return defined, every


def object_name(path):
    """One of its own: members of an archive that are called alike confuse."""
    path = re.sub(r"^(bazel-out/[^/]*/bin/)?(external/)?", "", path)
    path = path.replace("/_objs/", "/")
    return re.sub(r"(\.pic)?\.o$", ".o", path).replace("/", ".")


def own_objects(parameters, folder):
    """Copies of the objects in which Abseil has our name."""
    _, every = symbols_of(parameters["nm"][0], parameters["object"])
    renamed = os.path.join(folder, "renamed")
    with open(renamed, "w", encoding="utf-8") as stream:
        for symbol in sorted(every):
            ours = ABSEIL.sub(ABSEIL_OURS, symbol)
            if ours != symbol:
                stream.write("%s %s\n" % (symbol, ours))
    objects = []
    for path in parameters["object"]:
        copy = os.path.join(folder, object_name(path))
        run([parameters["objcopy"][0], "--redefine-syms=" + renamed, path, copy])
        objects.append(copy)
    return objects


def make_archive(parameters, objects, archive):
    # D: the same bytes whenever it is made.
    run([parameters["ar"][0], "rcsD", archive] + objects)


def make_shared(parameters, objects, header_texts, soname, folder, library):
    defined, _ = symbols_of(parameters["nm"][0], objects)
    public = exports.public_symbols(defined, header_texts)
    # No version's name: as the hook of a program, __libc_start_main has to match
    # a reference to glibc's.
    script = os.path.join(folder, "exports.lds")
    with open(script, "w", encoding="utf-8") as stream:
        stream.write("{\nglobal:\n")
        for symbol in [exports.HOOK] + sorted(public):
            stream.write("  %s;\n" % symbol)
        stream.write("local:\n  *;\n};\n")
    run(
        [parameters["compiler"][0], "-shared", "-o", library]
        + ["-Wl,-soname," + soname, "-Wl,--version-script=" + script]
        + ["-Wl,--build-id=sha1", "-Wl,-z,defs", "-Wl,-z,relro", "-Wl,--gc-sections"]
        + objects
        + ["-lstdc++", "-lm"]
        + parameters["link_flag"]
    )


def version_values(version):
    # Before 1.0 each minor version may change what programs were built with.
    major, minor, _ = version.split(".")
    soname = "libjoblib.so." + (major if major != "0" else "0." + minor)
    return {"VERSION": version, "SONAME": soname}


def template_name(path):
    return os.path.basename(path)[: -len(".in")]


def fill_in(text, values):
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], text)


def add(tar, place, content):
    entry = tarfile.TarInfo(place)
    entry.mode = 0o644
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def add_link(tar, place, target):
    entry = tarfile.TarInfo(place)
    entry.type = tarfile.SYMTYPE
    entry.linkname = target
    tar.addfile(entry)


def main(arguments):
    parameters_path, version, output = arguments
    parameters = read_parameters(parameters_path)
    headers = installed_headers(
        dict(header.split("=", 1) for header in parameters["header"])
    )
    ours = [text_of(f) for place, f in headers.items() if place.startswith("joblib/")]
    values = version_values(version)
    soname = values["SONAME"]
    with tempfile.TemporaryDirectory() as folder, tarfile.open(output, "w") as tar:
        objects = own_objects(parameters, folder)
        archive = os.path.join(folder, "libjoblib.a")
        make_archive(parameters, objects, archive)
        no_udev = os.path.join(folder, "no_udev.o")
        run([parameters["compiler"][0], "-O2", "-c", parameters["no_udev"][0], "-o", no_udev])
        no_udev_archive = os.path.join(folder, "libjoblib_no_udev.a")
        make_archive(parameters, [no_udev], no_udev_archive)
        shared = os.path.join(folder, "libjoblib.so")
        make_shared(parameters, objects, ours, soname, folder, shared)
        # cereal stands aside: a program's own is found before it.
        for place, path in headers.items():
            at = place if place.startswith("joblib/") else "joblib/third_party/" + place
            add(tar, "include/" + at, bytes_of(path))
        add(tar, "lib/libjoblib.a", bytes_of(archive))
        add(tar, "lib/libjoblib_no_udev.a", bytes_of(no_udev_archive))
        full_name = "libjoblib.so." + version
        add(tar, "lib/" + full_name, bytes_of(shared))
        add_link(tar, "lib/" + soname, full_name)
        add_link(tar, "lib/libjoblib.so", soname)
        for path in sorted(parameters["template"]):
            name = template_name(path)
            kind = "cmake/joblib/" if name.endswith(".cmake") else "pkgconfig/"
            add(tar, "lib/" + kind + name, fill_in(text_of(path), values).encode())
        for license_line in sorted(parameters["license"]):
            name, path = license_line.split("=", 1)
            add(tar, "share/doc/joblib/licenses/" + name, bytes_of(path))


if __name__ == "__main__":
    main(sys.argv[1:])
