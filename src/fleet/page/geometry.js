/** Rings from the outside in, with the colour of their light on a screen (src/light/board.rs). */
export const RINGS = [
    { name: 'red', rgb: [255, 24, 16] },
    { name: 'orange', rgb: [255, 112, 0] },
    { name: 'yellow', rgb: [255, 208, 0] },
    { name: 'green', rgb: [24, 255, 72] },
    { name: 'blue', rgb: [32, 96, 255] },
    { name: 'white', rgb: [255, 250, 240] },
];

/** LED 1 to 18 in millimetres from the board's top left corner: three arms, each from the red ring inwards. */
export const PLACES = [
    [14.23, 14.13], [11.09, 16.37], [8.94, 19.69], [8.59, 23.34], [9.86, 26.62], [13.01, 27.98],
    [24.47, 32.60], [24.05, 28.72], [22.34, 25.31], [19.52, 23.00], [16.17, 22.28], [12.89, 24.10],
    [3.33, 32.37], [7.09, 33.79], [10.99, 33.78], [14.55, 32.34], [16.79, 29.46], [16.50, 25.96],
];

export const LEDS = PLACES.length;

/** The board's outline in millimetres, clockwise. */
export const OUTLINE = [[0, 0], [33.68, 0], [33.68, 7.64], [27.54, 7.64], [27.54, 36.82], [0, 36.82]];

/** The solder joints of the 2 × 13 header along the top edge. */
export const PINS = Array.from({ length: 26 }, (_, pin) => [16.84 + ((pin % 13) - 6) * 2.54, pin < 13 ? 2.55 : 5.09]);

/** What of the board is seen: all of it, or the LEDs alone where room is scarce; left, top, width, height in millimetres. */
export const WHOLE = [-2.6, -2.2, 38.9, 41.2];
export const CLOSE = [-4.5, 8.6, 36.5, 31.6];
