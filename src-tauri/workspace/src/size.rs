//! Sizes for people.

use std::fmt;

/// A number of bytes, shown as `512 bytes`, `1.2 MB`, `40.0 GB`: decimal units, as file managers and disks
/// are labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    // One decimal is shown: what a f64 cannot hold is far behind it.
    #[allow(clippy::cast_precision_loss)]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        // What is nearest below a unit would be rounded to `1000.0` of the one before.
        let units = [
            (1_000_000_000_000, "TB"),
            (1_000_000_000, "GB"),
            (1_000_000, "MB"),
            (1_000, "KB"),
        ];
        match units
            .into_iter()
            .find(|(unit, _)| bytes >= unit - unit / 20_000)
        {
            Some((unit, name)) => write!(f, "{:.1} {name}", bytes as f64 / unit as f64),
            None if bytes == 1 => f.write_str("1 byte"),
            None => write!(f, "{bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn sizes_read_as_people_write_them() {
        let shown = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 KB"),
            (1_234_567, "1.2 MB"),
            (999_949, "999.9 KB"),
            (999_999, "1.0 MB"),
            (40_000_000_000, "40.0 GB"),
            (2_500_000_000_000, "2.5 TB"),
            (u64::MAX, "18446744.1 TB"),
        ];
        for (bytes, text) in shown {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
