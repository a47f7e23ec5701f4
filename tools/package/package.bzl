"""joblib_package: the tree that tools/install lays under a prefix, as a tar.

Takes the position independent objects of the library and of all that it stands
on, Abseil's too, and the headers that a program may include. make_package.py
does the work.
"""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

_COMPILATION_MODE = "//command_line_option:compilation_mode"

# Optimized whatever the build is: what is tested is what users get.
def _optimized_impl(_settings, _attr):
    return {_COMPILATION_MODE: "opt"}

_optimized = transition(
    implementation = _optimized_impl,
    inputs = [],
    outputs = [_COMPILATION_MODE],
)

# What a header's path in the installed tree begins with, by where it lies.
_OURS = "lib/joblib/"
_CEREAL = "/include/cereal/"

def _header_lines(headers):
    """PLACE=FILE for the headers that may be installed."""
    lines = {}
    for header in headers.to_list():
        path = header.path
        if "/_virtual_includes/" in path:
            continue
        if header.short_path.startswith(_OURS):
            lines["joblib/" + header.short_path[len(_OURS):]] = header
        elif "external/cereal" in path and _CEREAL in path:
            lines["cereal/" + path.split(_CEREAL)[1]] = header
    return lines

def _joblib_package_impl(ctx):
    toolchain = find_cpp_toolchain(ctx)
    info = ctx.attr.library[0][CcInfo]
    objects = []
    link_flags = []
    for linker_input in info.linking_context.linker_inputs.to_list():
        for library in linker_input.libraries:
            objects += library.pic_objects or library.objects
        for flag in linker_input.user_link_flags:
            if flag not in link_flags:
                link_flags.append(flag)
    headers = {}
    all_headers = depset(ctx.files.headers, transitive = [info.compilation_context.headers])
    for place, header in _header_lines(all_headers).items():
        headers.setdefault(place, header)

    lines = ["compiler=" + toolchain.compiler_executable]
    for tool in ["ar", "nm", "objcopy"]:
        path = getattr(toolchain, tool + "_executable")
        lines.append("%s=%s" % (tool, path))
    lines += ["object=" + file.path for file in objects]
    lines += ["link_flag=" + flag for flag in link_flags]
    lines += ["header=%s=%s" % item for item in [
        (place, headers[place].path)
        for place in sorted(headers)
    ]]
    lines += ["license=%s=%s" % (name, target.files.to_list()[0].path) for target, name in ctx.attr.licenses.items()]
    lines += ["template=" + file.path for file in ctx.files.templates]
    lines.append("no_udev=" + ctx.file.no_udev.path)
    parameters = ctx.actions.declare_file(ctx.label.name + ".params")
    ctx.actions.write(parameters, "\n".join(lines) + "\n")

    tar = ctx.actions.declare_file(ctx.label.name + ".tar")
    ctx.actions.run(
        executable = "/usr/bin/python3",
        arguments = [ctx.file._make_package.path, parameters.path, ctx.attr.version, tar.path],
        inputs = depset(
            objects + headers.values() + ctx.files.licenses + ctx.files.templates +
            [parameters, ctx.file._make_package, ctx.file._exports, ctx.file.no_udev],
            transitive = [toolchain.all_files],
        ),
        outputs = [tar],
        mnemonic = "JoblibPackage",
        use_default_shell_env = True,
    )
    return [DefaultInfo(
        files = depset([tar]),
        runfiles = ctx.runfiles([tar]),
    )]

joblib_package = rule(
    implementation = _joblib_package_impl,
    attrs = {
        "library": attr.label(
            cfg = _optimized,
            mandatory = True,
            providers = [CcInfo],
        ),
        "version": attr.string(mandatory = True),
        "headers": attr.label_list(allow_files = True),
        "licenses": attr.label_keyed_string_dict(allow_files = True),
        "templates": attr.label_list(allow_files = True),
        "no_udev": attr.label(allow_single_file = True),
        "_make_package": attr.label(default = "make_package.py", allow_single_file = True),
        "_exports": attr.label(default = "exports.py", allow_single_file = True),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
