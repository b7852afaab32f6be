"""The contrast of colours, as WCAG 2.2 defines it."""

import re

import numpy as np


def luminance(colour):
    """Return the relative luminance of a computed colour, as WCAG 2.2 defines it."""
    parts = np.array([float(part) for part in re.findall(r"[\d.]+(?:e-\d+)?", colour)[:3]])
    parts = parts if colour.startswith("color(") else parts / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    """Return the contrast ratio of two colours, 1 to 21, as WCAG 2.2 defines it."""
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)
