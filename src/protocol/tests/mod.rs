mod decoding;
mod discovery;
mod golden;
mod hostile;
mod schemas;
