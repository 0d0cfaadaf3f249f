mod decoding;
mod golden;
