//! Counts in English sentences.

/// `0 calls`, `1 call`, `2 calls`.
pub fn counted(count: impl TryInto<u64>, one: &str) -> String {
    // No count is larger than that.
    match count.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|n: usize| counted(n, "call")), ["0 calls", "1 call", "2 calls"]);
    }
}
