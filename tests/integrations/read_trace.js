// What chrome://tracing's own importer finds in a trace, as JSON. usage: node read_trace.js FOLDER-OF-BIGRIG TRACE
'use strict';
const path = require('path');
const lib = path.resolve(process.argv[2], 'lib');
require(lib + '/global-config.js').enable();
require(lib + '/third_party/tracing/importer/import.js');
require(lib + '/third_party/tracing/extras/importer/trace_event_importer.js');
require(lib + '/tracing-config.js');

const options = new tr.importer.ImportOptions();
Object.assign(options, {showImportWarnings: false, shiftWorldToZero: false, pruneEmptyContainers: false});
const model = new tr.Model();
new tr.importer.Import(model, options).importTraces([require('fs').readFileSync(process.argv[3], 'utf8')]);

const title = slice => slice ? slice.title : null;
const lanes = {}, counters = {};
for (const p of model.getAllProcesses()) {
	for (const t of Object.values(p.threads))
		lanes[t.name] = t.sliceGroup.slices.map(s => ({name: s.title, category: s.category, start: s.start, end: s.end, outer: title(s.parentSlice), args: s.args}));
	for (const c of Object.values(p.counters))
		counters[c.category + ' ' + c.name] = c.series.map(s => s.samples.map(x => x.value));
}
console.log(JSON.stringify({
	warnings: model.importWarnings.map(w => w.message),
	processes: model.getAllProcesses().map(p => p.name),
	lanes, counters,
	flows: model.flowEvents.map(f => [title(f.startSlice), title(f.endSlice)]),
}));
