"""What a project tells: how far it is, how many errors may be left, and whether its reviewers agree.

`status`, read by `status_reading` from `status_counts`, `queue_progress` and `reviewers`, put into words by
`status_text` and drawn by `status_plots`; `agreement`, from `double_reviews`.
"""
