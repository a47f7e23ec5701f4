"""npm_package: a package of the npm registry, pinned, for a test.

Fetched by npm itself, from whatever registry the machine's npm is set to. Where
that fails the build goes on, without the package's files and with a file
missing.txt that says why: the tests that need it fail with its words.
"""

def _fetched(ctx):
    """None, or why the package is not here."""
    if not ctx.which("npm"):
        return "there is no npm on PATH"
    wanted = "%s@%s" % (ctx.attr.package, ctx.attr.version)
    packed = ctx.execute(["npm", "pack", wanted], quiet = True)
    if packed.return_code:
        return "npm pack %s: %s" % (wanted, packed.stderr)
    archive = packed.stdout.strip().split("\n")[-1]
    actual = ctx.execute(["sha256sum", archive]).stdout.split(" ")[0]
    if actual != ctx.attr.sha256:
        return "%s has the sha256 %s, not %s" % (wanted, actual, ctx.attr.sha256)
    ctx.extract(archive, stripPrefix = "package")
    ctx.delete(archive)
    return None

def _npm_package_impl(ctx):
    why = _fetched(ctx)
    if why:
        ctx.file("missing.txt", why + "\n(bazel sync --only=%s tries again)\n" % ctx.name)
    ctx.file("WORKSPACE")
    ctx.file("BUILD.bazel", """filegroup(
    name = "files",
    srcs = glob(["**"], exclude = ["BUILD.bazel", "WORKSPACE"]),
    visibility = ["//visibility:public"],
)
""")

npm_package = repository_rule(
    implementation = _npm_package_impl,
    attrs = {
        "package": attr.string(mandatory = True),
        "version": attr.string(mandatory = True),
        "sha256": attr.string(mandatory = True),
    },
    environ = ["PATH"],
)

def bundler():
    """For tests/browser/package_test."""
    npm_package(
        name = "esbuild",
        package = "@esbuild/linux-x64",
        sha256 = "822e9d5ff45b588f5af388f3ae17a4cd4d0d1b93d04220ee92956e941e7b8d9d",
        version = "0.25.0",
    )
