// A point of the node's line, at the time it was measured; what it cannot tell is no point.
const { time, cpu } = msg.payload;
if (typeof cpu?.load_percent !== 'number') return null;
return { topic: msg.topic.split('/')[1], payload: cpu.load_percent, time: Date.parse(time) };
