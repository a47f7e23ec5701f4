// The Web Worker that holds a program (program.html): tells the page its lines
// and at last its exit status.
const tell = (line) => postMessage({line});

onmessage = async ({data}) => {
  const create = (await import(data)).default;
  await create({
    print: tell,
    printErr: tell,
    onExit: (status) => postMessage({status}),
    onAbort: (what) => {
      tell(`aborted: ${what}`);
      postMessage({status: 'aborted'});
    },
  });
};
