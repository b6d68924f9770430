"""What a payer's browser gets from the company: the SDK, and the window to agree in."""

from __future__ import annotations

import html
from pathlib import Path
from urllib.parse import urlencode

from tests.toss.company import Company

SDK = Path(__file__).with_name("standard.js")
METHODS = {"CARD": "카드", "TRANSFER": "계좌이체", "REFUSED": "거절"}
Asked = dict[str, str]
Sent = tuple[int, dict[str, str], str]  # status, headers, body


def sent(company: Company, path: str, asked: Asked) -> Sent | None:
    """Answer a browser; None for what is not for browsers."""
    match path:
        case "/v2/standard":
            return 200, {"Content-Type": "text/javascript"}, SDK.read_text()
        case "/window":
            return 200, {"Content-Type": "text/html; charset=utf-8"}, _window(asked)
        case "/window/agree":
            return _agree(company, asked)
        case "/window/cancel":
            said = {"code": "PAY_PROCESS_CANCELED", "message": "t", "orderId": asked["orderId"]}
            return _back(asked["failUrl"], said)
        case _ if path.startswith("/proxy/"):
            return 404, {"Content-Type": "text/html"}, "<h1>Not Found</h1>"
        case "/favicon.ico":
            return 204, {}, ""
    return None


def _window(asked: Asked) -> str:
    links = {
        "agree": ("/window/agree", asked),
        "refused": ("/window/agree", asked | {"method": "REFUSED"}),
        "cancel": ("/window/cancel", asked),
    }
    shown = f"<h1>{html.escape(asked['orderName'])} {asked['amount']}</h1>"
    return f"<!doctype html>{shown}" + "".join(
        f'<p><a id="{name}" href="{html.escape(f"{path}?{urlencode(query)}")}">{name}</a>'
        for name, (path, query) in links.items()
    )


def _agree(company: Company, asked: Asked) -> Sent:
    amount = int(asked["amount"])
    key = company.agree(asked["orderId"], amount, METHODS[asked["method"]])
    said = {"paymentKey": key, "orderId": asked["orderId"], "amount": str(amount)}
    return _back(asked["successUrl"], said)


def _back(address: str, said: Asked) -> Sent:
    return 302, {"Location": f"{address}?{urlencode(said)}"}, ""
