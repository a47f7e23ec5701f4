"""joblib_source_package: the library's sources with a CMakeLists.txt, as a tar.

Whatever the library is made of on Linux, as the BUILD files say: ours, Abseil's,
cereal's, and what a rule generates. make_source_package.py lays them out.
"""

_Sources = provider(fields = ["files"])

def _collect_impl(_target, ctx):
    own = []
    for attribute in ["srcs", "hdrs", "textual_hdrs"]:
        own += getattr(ctx.rule.files, attribute, [])
    deps = getattr(ctx.rule.attr, "deps", [])
    return [_Sources(files = depset(
        own,
        transitive = [dep[_Sources].files for dep in deps if _Sources in dep],
    ))]

_collect = aspect(
    implementation = _collect_impl,
    attr_aspects = ["deps"],
)

def _joblib_source_package_impl(ctx):
    sources = [
        file
        for file in ctx.attr.library[_Sources].files.to_list() + ctx.files.headers
        # The distribution's own.
        if "external/hwloc/" not in file.path
    ]
    lines = ["source=%s=%s" % (file.short_path, file.path) for file in sources]
    lines += [
        "license=%s=%s" % (name, target.files.to_list()[0].path)
        for target, name in ctx.attr.licenses.items()
    ]
    lines += ["template=" + file.path for file in ctx.files.templates]
    lines.append("cmake=" + ctx.file.cmake.path)
    lines.append("no_udev=" + ctx.file.no_udev.path)
    parameters = ctx.actions.declare_file(ctx.label.name + ".params")
    ctx.actions.write(parameters, "\n".join(lines) + "\n")

    tar = ctx.actions.declare_file("joblib-%s.tar.gz" % ctx.attr.version)
    ctx.actions.run(
        executable = "/usr/bin/python3",
        arguments = [ctx.file._make_source_package.path, parameters.path, ctx.attr.version, tar.path],
        inputs = sources + ctx.files.licenses + ctx.files.templates + ctx.files._tools + [
            parameters,
            ctx.file.cmake,
            ctx.file.no_udev,
            ctx.file._make_source_package,
        ],
        outputs = [tar],
        mnemonic = "JoblibSourcePackage",
        use_default_shell_env = True,
    )
    return [DefaultInfo(
        files = depset([tar]),
        runfiles = ctx.runfiles([tar]),
    )]

joblib_source_package = rule(
    implementation = _joblib_source_package_impl,
    attrs = {
        "library": attr.label(aspects = [_collect], mandatory = True),
        "version": attr.string(mandatory = True),
        "headers": attr.label_list(allow_files = True),
        "licenses": attr.label_keyed_string_dict(allow_files = True),
        "templates": attr.label_list(allow_files = True),
        "cmake": attr.label(allow_single_file = True),
        "no_udev": attr.label(allow_single_file = True),
        "_make_source_package": attr.label(default = "make_source_package.py", allow_single_file = True),
        "_tools": attr.label_list(default = ["exports.py", "make_package.py"], allow_files = True),
    },
)
