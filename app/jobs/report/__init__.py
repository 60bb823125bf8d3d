"""What one camera saw, summed up as a page that needs nothing but itself."""

from app.jobs.report.write import Reported, write_report

__all__ = ["Reported", "write_report"]
