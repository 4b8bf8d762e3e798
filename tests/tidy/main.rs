#[test] fn arrows() {}
