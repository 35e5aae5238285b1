//! The grammar of numbers (RFC 8259 §6), a byte at a time.

/// What was read of a number last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

impl Number {
    /// A number that begins with this byte.
    pub(super) fn begin(byte: u8) -> Self {
        match byte {
            b'-' => Self::Minus,
            b'0' => Self::Zero,
            _ => Self::Whole,
        }
    }

    /// Reads on; none if the byte is not part of the number.
    #[inline]
    fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus | Self::Whole, b'0'..=b'9') => Some(Self::Whole),
            (Self::Zero | Self::Whole, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Some(Self::E),
            (Self::E, b'+' | b'-') => Some(Self::Sign),
            (Self::E | Self::Sign | Self::Exponent, b'0'..=b'9') => Some(Self::Exponent),
            (
                Self::Minus
                | Self::Zero
                | Self::Whole
                | Self::Point
                | Self::Fraction
                | Self::E
                | Self::Sign
                | Self::Exponent,
                _,
            ) => None,
        }
    }

    /// Reads on as far as the number goes: the place behind it, or the end of the part.
    #[inline]
    pub(super) fn read(&mut self, input: &[u8], mut at: usize) -> usize {
        while let Some(next) = input.get(at).and_then(|byte| self.next(*byte)) {
            *self = next;
            at += 1;
        }
        at
    }

    /// Whether it may end here.
    pub(super) fn is_whole(self) -> bool {
        match self {
            Self::Zero | Self::Whole | Self::Fraction | Self::Exponent => true,
            Self::Minus | Self::Point | Self::E | Self::Sign => false,
        }
    }
}
