"""Every route of the app beside the pages that Streamlit serves."""

from lensapp.ui import health, metrics, pulse
from lensapp.ui.drawing import component, files
from lensapp.ui.gallery import look_routes, routes
from lensapp.ui.home import other_address
from lensapp.ui.train import curves

ROUTES = [
    *routes.ROUTES,
    *look_routes.ROUTES,
    *files.ROUTES,
    component.MODULES.route(),
    curves.MODULES.route(),
    *health.ROUTES,
    *metrics.ROUTES,
    *pulse.ROUTES,
    *other_address.ROUTES,
]
