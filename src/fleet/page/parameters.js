import { el, write } from './element.js';
import { plain } from './words.js';

/** A field for a parameter as `info` describes it; `changed` is called when a value is settled on. */
function field(parameter, changed) {
    const { name, summary, unit, min, max, one_of: names, max_length: length, default: fallback } = parameter;
    if (names) {
        const select = el('select', {}, ...names.map(value => el('option', { value, textContent: plain(value) })));
        select.value = fallback;
        select.onchange = changed;
        return row(name, summary, select, () => select.value);
    }
    if (min !== undefined && max !== undefined) {
        const slider = el('input', { type: 'range', min, max, step: (max - min) <= 2 ? 0.05 : (max - min) <= 200 ? 0.5 : 1 });
        slider.value = fallback;
        const shown = el('output');
        const show = () => write(shown, `${Number(slider.value)} ${unit ?? ''}`.trim());
        slider.oninput = show;
        slider.onchange = changed;
        show();
        return row(name, `${summary}, ${min} to ${max} ${unit ?? ''}`, slider, () => Number(slider.value), shown);
    }
    const text = el('input', { type: 'text', maxLength: length ?? 128, spellcheck: false });
    text.value = fallback ?? '';
    text.onchange = changed;
    return row(name, length ? `${summary}, at most ${length} characters` : summary, text, () => text.value);
}

function row(name, summary, input, value, shown) {
    const element = el('label.parameter', { title: summary }, el('span', { textContent: plain(name) }), ...(shown ? [shown] : []), input);
    input.dataset.parameter = name;
    return { name, element, value };
}

/** The fields for all parameters of an effect. */
export class Parameters {
    constructor(effect, changed) {
        this.fields = effect.params.map(parameter => field(parameter, changed));
        this.element = el('div.parameters', {}, ...this.fields.map(({ element }) => element));
    }

    /** As they stand in a command; none for an effect without. */
    get params() {
        if (!this.fields.length) return undefined;
        return Object.fromEntries(this.fields.map(({ name, value }) => [name, value()]));
    }
}
