// What the cards show; null is what a node cannot tell.
const fleet = flow.get('fleet') || {};
const byName = (a, b) => a.id.localeCompare(b.id, undefined, { numeric: true });

const nodes = Object.entries(fleet).map(([id, node]) => {
    const online = node.availability === 'online';
    const { cpu, temperature_celsius, throttled } = (online && node.telemetry) || {};
    const light = node['light/state'] || {};
    return {
        id,
        online,
        model: node.info?.host?.model ?? null,
        load: cpu?.load_percent ?? null,
        temperature: temperature_celsius ?? null,
        underVoltage: throttled?.under_voltage === true,
        throttled: throttled?.now === true,
        panel: node.health?.panel ?? null,
        leds: node.frame?.leds ?? null,
        light: { state: light.state, effect: light.effect, layer: light.layer, from: light.from },
    };
});
return { payload: { connected: flow.get('connected') === true, nodes: nodes.sort(byName) } };
