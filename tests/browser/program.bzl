"""browser_program: a C++ test program that runs in a page, on threads."""

load("//wasm:module.bzl", "NEEDS_WASM", "module_settings")

def _with_threads_impl(_settings, _attr):
    return module_settings("wasm32_threads")

_with_threads = transition(
    implementation = _with_threads_impl,
    inputs = [],
    outputs = module_settings("wasm32_threads").keys(),
)

def _program_folder_impl(ctx):
    folder = ctx.actions.declare_directory(ctx.label.name)
    tar = ctx.attr.binary[0][DefaultInfo].files.to_list()[0]
    ctx.actions.run_shell(
        inputs = [tar],
        outputs = [folder],
        arguments = [tar.path, folder.path],
        command = 'tar -xf "$1" -C "$2"',
        mnemonic = "BrowserProgram",
    )
    return [DefaultInfo(
        files = depset([folder]),
        runfiles = ctx.runfiles([folder]),
    )]

_program_folder = rule(
    implementation = _program_folder_impl,
    attrs = {
        "binary": attr.label(mandatory = True, cfg = _with_threads),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)

def browser_program(name, srcs, deps, **kwargs):
    """Declares the folder NAME with program.mjs and what it loads.

    Args:
      name: the folder.
      srcs: of a program with a main, or whose deps have one.
      deps: of srcs.
      **kwargs: visibility and the like.
    """
    binary = name + "_wasm/program"
    native.cc_binary(
        name = binary,
        testonly = True,
        srcs = srcs,
        features = ["wasm_module"],
        linkopts = [
            "-sENVIRONMENT=worker",
            "-sEXIT_RUNTIME=1",
            # main() may block: the worker that starts threads does not run it.
            "-sPROXY_TO_PTHREAD=1",
            "-sPTHREAD_POOL_SIZE=8",
        ],
        tags = ["manual"],
        target_compatible_with = NEEDS_WASM,
        visibility = ["//visibility:private"],
        deps = deps,
    )
    _program_folder(
        name = name,
        testonly = True,
        binary = binary,
        **kwargs
    )
