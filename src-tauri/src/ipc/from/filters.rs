//! Which changes are shown, both ways.

use sandbox_engine::sandbox::{Filters, Only, Shown};

use crate::ipc::review::{ReviewFilters, ReviewOnly, ShownStatus};

impl From<Filters> for ReviewFilters {
    fn from(filters: Filters) -> Self {
        let Filters {
            query,
            only,
            status,
            risky,
        } = filters;
        Self {
            query,
            only: match only {
                Only::All => ReviewOnly::All,
                Only::Unviewed => ReviewOnly::Unviewed,
                Only::Undecided => ReviewOnly::Undecided,
            },
            status: status.into_iter().map(Into::into).collect(),
            risky,
        }
    }
}

impl From<ReviewFilters> for Filters {
    fn from(filters: ReviewFilters) -> Self {
        let ReviewFilters {
            query,
            only,
            status,
            risky,
        } = filters;
        Self {
            query,
            only: match only {
                ReviewOnly::All => Only::All,
                ReviewOnly::Unviewed => Only::Unviewed,
                ReviewOnly::Undecided => Only::Undecided,
            },
            status: status.into_iter().map(Into::into).collect(),
            risky,
        }
    }
}

impl From<Shown> for ShownStatus {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Added => Self::Added,
            Shown::Modified => Self::Modified,
            Shown::Deleted => Self::Deleted,
            Shown::Renamed => Self::Renamed,
            Shown::Mode => Self::Mode,
            Shown::Type => Self::Type,
            Shown::Conflict => Self::Conflict,
        }
    }
}

impl From<ShownStatus> for Shown {
    fn from(shown: ShownStatus) -> Self {
        match shown {
            ShownStatus::Added => Self::Added,
            ShownStatus::Modified => Self::Modified,
            ShownStatus::Deleted => Self::Deleted,
            ShownStatus::Renamed => Self::Renamed,
            ShownStatus::Mode => Self::Mode,
            ShownStatus::Type => Self::Type,
            ShownStatus::Conflict => Self::Conflict,
        }
    }
}
