// Prepended to every program for node.
if (typeof process === 'object' && typeof require === 'function') {
  // Emscripten 3.1.6 takes any global fetch for a browser's; node's (18 on)
  // knows no files.
  globalThis.fetch = undefined;

  // getenv() sees the variables of the machine, as UTF-8 bytes; Emscripten
  // itself starts from an invented environment. preRun comes before the static
  // constructors, and on the first thread alone: all others share its memory.
  Module['preRun'] = [].concat(Module['preRun'] || [], () => {
    if (typeof ENV === 'undefined') return;  // Nothing in it calls getenv().
    for (const name of ['USER', 'LOGNAME', 'PATH', 'PWD', 'HOME', 'LANG', '_']) {
      ENV[name] = undefined;
    }
    for (const [name, value] of Object.entries(process.env)) {
      ENV[name] = Buffer.from(value, 'utf8').toString('latin1');
    }
  });
}
