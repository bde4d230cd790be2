"""Traffic lights beside what was compared."""

LIGHTS = {
    "green": ":green[:material/check_circle:]",
    "grey": ":gray[:material/help:]",
    "amber": ":orange[:material/warning:]",
    "red": ":red[:material/error:]",
}
