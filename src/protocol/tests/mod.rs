mod decoding;
mod golden;
mod schemas;
