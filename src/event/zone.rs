//! The zone in which people read and write times.

use chrono::{DateTime, Duration, FixedOffset, Local, NaiveDateTime, NaiveTime, TimeZone, Utc};

use super::Timestamp;

/// A time zone, as a value that is passed in: what is tested with a fixed one runs with the local one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// The zone of the process (`TZ`, else the system's), with its rules for summer time.
    Local,
    /// UTC.
    Utc,
    /// One distance from UTC for all times.
    Fixed(FixedOffset),
}

impl Zone {
    /// `time` as a clock on the wall of this zone shows it.
    pub fn at(self, time: Timestamp) -> DateTime<FixedOffset> {
        let utc = time.to_utc();
        match self {
            Self::Local => utc.with_timezone(&Local).fixed_offset(),
            Self::Utc => utc.fixed_offset(),
            Self::Fixed(offset) => utc.with_timezone(&offset),
        }
    }

    /// The beginning of the day that `time` lies in.
    pub fn midnight(self, time: Timestamp) -> Timestamp {
        self.time_of(self.at(time).date_naive().and_time(NaiveTime::MIN))
    }

    /// The time at which a clock on the wall of this zone shows `wall`: the first of two when clocks are set back, an
    /// hour later when they are set forward over it.
    pub fn time_of(self, wall: NaiveDateTime) -> Timestamp {
        match self {
            Self::Local => first(&Local, wall),
            Self::Utc => Timestamp::from_utc(wall.and_utc()),
            Self::Fixed(offset) => first(&offset, wall),
        }
    }
}

fn first<Z: TimeZone>(zone: &Z, wall: NaiveDateTime) -> Timestamp {
    zone.from_local_datetime(&wall)
        .earliest()
        .or_else(|| {
            let later = wall.checked_add_signed(Duration::hours(1))?;
            zone.from_local_datetime(&later).earliest()
        })
        .map_or_else(
            || Timestamp::from_utc(wall.and_utc()),
            |time| Timestamp::from_utc(time.with_timezone(&Utc)),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let zone = Zone::Fixed(FixedOffset::east_opt(7200).unwrap());
        let time = Timestamp::from_seconds(1_795_431_600);
        assert_eq!(zone.at(time).to_rfc3339(), "2026-11-23T13:00:00+02:00");
        assert_eq!(zone.time_of(zone.at(time).naive_local()), time);
        assert_eq!(Zone::Utc.time_of(time.to_utc().naive_utc()), time);
        assert_eq!(
            Zone::Local.time_of(Zone::Local.at(time).naive_local()),
            time
        );
    }
}
