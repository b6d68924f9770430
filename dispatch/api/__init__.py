"""The REST side of dispatch: duty, offers, errands nearby, the tracking link."""
