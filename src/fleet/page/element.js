/** Makes an element: `el('button.big', {type: 'button', onclick, 'aria-label': …}, child, 'text')`. */
export function el(name, properties = {}, ...children) {
    const [tag, ...classes] = name.split('.');
    const element = document.createElement(tag);
    if (classes.length) element.className = classes.join(' ');
    for (const [key, value] of Object.entries(properties)) {
        if (value === undefined || value === null) continue;
        if (key in element && !key.includes('-')) element[key] = value;
        else element.setAttribute(key, value);
    }
    element.append(...children.filter(child => child !== null && child !== undefined));
    return element;
}

/** Writes a text where another one stands; an equal one costs nothing. */
export function write(element, text) {
    if (element.firstChild?.data !== text) element.textContent = text;
}

/** Sets an attribute where it has another value. */
export function mark(element, name, value) {
    if (value === null) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Options of a select, with the chosen one kept while it is still offered. */
export function fill(select, choices) {
    const text = JSON.stringify(choices);
    if (select.dataset.choices === text) return;
    select.dataset.choices = text;
    const chosen = select.value;
    select.replaceChildren(...choices.map(([value, label]) => el('option', { value, textContent: label })));
    if (choices.some(([value]) => value === chosen)) select.value = chosen;
}
