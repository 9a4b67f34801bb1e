"""What an optimizer's settings may be."""


def require_not_negative(**settings: float) -> None:
    """Refuse a negative number and NaN (ValueError, which says the setting's name)."""
    for name, value in settings.items():
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} has to be a finite number of 0 or above, but is {value}")


def require_betas(betas: tuple[float, float]) -> None:
    """Refuse a share of the old mean outside [0, 1) (ValueError)."""
    for beta in betas:
        if not 0 <= beta < 1:
            raise ValueError(f"betas have to be in [0, 1), but one is {beta}")
