// Holds dashboards to what Grafana publishes of itself: node check.mjs FILE…
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Its library is made for browsers.
globalThis.navigator ??= { language: 'en', languages: ['en'] };
const require = createRequire(import.meta.url);
const { createTheme, fieldColorModeRegistry, fieldMatchers, fieldReducers, getValueFormats, standardTransformers, toDataFrame } = require('@grafana/data');
const { lastValueFrom, of } = require('rxjs');

const here = dirname(fileURLToPath(import.meta.url));
const dashboards = process.argv.slice(2).map(path => ({ path, model: JSON.parse(readFileSync(path, 'utf8')) }));

// The oldest release whose model it is, and the newest.
const RELEASES = ['grafana-schema-10', '@grafana/schema'];

// What the compiler has to notice, so that a check that sees nothing does not pass.
const WRONGS = [
    model => { model.colour = 'red'; },
    model => { model.graphTooltip = 9; },
    model => { model.panels[0].type = 'statistic'; },
    model => { model.panels[0].options.colourMode = 'value'; },
    model => { model.panels[0].options.colorMode = 'loud'; },
    model => { model.panels[0].targets[0].legend = 'load'; },
    model => { model.panels[0].fieldConfig.defaults.color.mode = 'rainbow'; },
    model => { model.templating.list[0].current = {}; },
];

/** Lets the compiler look at all dashboards, and at one that is wrong in each of these ways. */
function compile(release) {
    const place = join(here, 'checked', release);
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { recursive: true });
    const head = `import type { Dashboard } from '${join(here, 'model')}';\n`;
    for (const { path, model } of dashboards) {
        writeFileSync(join(place, `${basename(path, '.json')}.ts`), `${head}export const dashboard: Dashboard = ${JSON.stringify(model, null, 1)};\n`);
    }
    const wrongs = WRONGS.map((spoil, number) => {
        const model = structuredClone(dashboards[0].model);
        spoil(model);
        return `// @ts-expect-error ${spoil}\nexport const wrong${number}: Dashboard = ${JSON.stringify(model)};\n`;
    });
    writeFileSync(join(place, 'wrong.ts'), head + wrongs.join(''));
    const modules = join(here, 'node_modules');
    writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({
        compilerOptions: {
            strict: true, noEmit: true, skipLibCheck: true, target: 'es2022', module: 'es2022', moduleResolution: 'bundler', types: [],
            paths: { '@grafana/schema': [join(modules, release)], '@grafana/schema/*': [join(modules, release, '*')] },
        },
        include: ['*.ts'],
    }));
    const { status } = spawnSync(process.execPath, [join(modules, 'typescript/bin/tsc'), '--project', place], { stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
}

/** What stands in a dashboard as a mere text and has to be known: where it is, the text, and whether Grafana's library has it. */
function* named({ panels }) {
    const units = new Set(getValueFormats().flatMap(({ submenu }) => submenu.map(({ value }) => value)));
    const transformers = new Set(Object.values(standardTransformers).map(({ id }) => id));
    const { visualization } = createTheme();
    for (const { title, fieldConfig: { defaults, overrides }, options, transformations = [] } of panels) {
        const properties = overrides.flatMap(override => override.properties);
        const units_of = [defaults.unit, ...properties.filter(({ id }) => id === 'unit').map(({ value }) => value)];
        for (const unit of units_of) yield [title, 'unit', unit, units.has(unit)];
        for (const { matcher } of overrides) yield [title, 'matcher', matcher.id, fieldMatchers.getIfExists(matcher.id) !== undefined];
        for (const calc of [...options.reduceOptions?.calcs ?? [], ...options.legend?.calcs ?? []]) {
            yield [title, 'calculation', calc, fieldReducers.getIfExists(calc) !== undefined];
        }
        yield [title, 'colour mode', defaults.color.mode, fieldColorModeRegistry.getIfExists(defaults.color.mode) !== undefined];
        for (const { color } of defaults.thresholds.steps) yield [title, 'colour', color, visualization.getColorByName(color) !== color];
        for (const { id } of transformations) yield [title, 'transformation', id, transformers.has(id)];
    }
}

/** The overrides of a table that find no column, when its transformations have had what Prometheus answers. */
async function idle({ panels }) {
    const found = [];
    for (const { title, fieldConfig: { overrides }, targets, transformations = [] } of panels) {
        const labels = targets[0].expr.match(/\bby \(([^)]*)\)/)?.[1].split(', ') ?? [];
        const columns = [{ name: 'Time', values: [0] }, ...labels.map(name => ({ name, values: ['a'] })), { name: 'Value', values: [1] }];
        let frames = [toDataFrame({ refId: 'A', fields: columns })];
        for (const { id, options } of transformations) {
            const { defaultOptions, operator } = Object.values(standardTransformers).find(known => known.id === id);
            frames = await lastValueFrom(of(frames).pipe(operator({ ...defaultOptions, ...options }, { interpolate: text => text })));
        }
        for (const { matcher: { id, options } } of overrides) {
            const matches = fieldMatchers.get(id).get(options);
            if (!frames[0].fields.some(field => matches(field, frames[0], frames))) found.push([title, `${id} ${options}`]);
        }
    }
    return found;
}

let count = 0;
for (const { path, model } of dashboards) {
    for (const [panel, what, text, known] of named(model)) {
        count += 1;
        if (!known) {
            console.error(`${path}: panel "${panel}": Grafana knows no ${what} ${text}`);
            process.exitCode = 1;
        }
    }
    for (const [panel, override] of await idle(model)) {
        console.error(`${path}: panel "${panel}": the override ${override} finds no column`);
        process.exitCode = 1;
    }
}
RELEASES.forEach(compile);
if (!process.exitCode) {
    console.log(`${dashboards.length} dashboards fit the types of ${RELEASES.join(' and ')}; ${count} units, colours, calculations and transformations are known`);
}
