"""The life of a certificate, as people write it."""

import click

AWS = "aws"
_MIN_H = 0.01
_MAX_H = 1_000_000  # beyond 2049 it changes nothing


class Ttl(click.ParamType):
    """Hours, or "aws": until 2049-12-31, which is None."""

    name = "ttl"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        """The hours, or None for AWS's own date."""
        if value == AWS:
            return None
        try:
            hours = float(str(value))
        except ValueError:
            hours = 0
        if not _MIN_H <= hours <= _MAX_H:
            self.fail(f"{value!r} must be hours, such as 168, or aws", param, ctx)
        return hours


ttl_option = click.option(
    "--ttl",
    "ttl_h",
    type=Ttl(),
    metavar="HOURS|aws",
    default=AWS,
    show_default=True,
    help="How long new certificates are valid: hours, or aws (until 2049-12-31, as on AWS).",
)
