"""What is done with recordings and results, now or as jobs: analyses, exports, videos, reports."""
