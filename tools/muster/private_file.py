"""The former home of two functions of muster.files."""

from muster.files import forget_parts as forget_parts
from muster.files import write_private as write_private
