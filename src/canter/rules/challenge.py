"""Pages that stand in for the one asked for: challenges, captchas, refusals in a page's clothes.

Known by what they have in common, whoever made them: they are small, they have next to no links and
text, nothing is for sale on them, and they say or do one of a few things. No sign counts alone: shops
load the scripts of protection services on every page, put captchas into newsletter forms and write
articles called "Access denied".

    marked by a header              whatever else it is
    over 64 KiB, or over 20 links   ordinary, unless its title says otherwise and its text is little
    much text, a price, a product   ordinary
    little text, and                its title or text says so; or the machinery of a challenge; or a
                                    captcha and nothing else; or a script that sets a cookie and loads
                                    the page again; or a page that only reloads itself
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

from ahocorasick_rs import BytesAhoCorasick

from canter.model import Response

SMALL = 64 * 1024  # bytes; a larger page is looked at further only for its title
LARGEST = 512 * 1024  # bytes
FEW_LINKS = 20
LITTLE = 1_500  # characters of visible text that a page of its own has more of
NEXT_TO_NOTHING = 200
SOON = 30  # seconds until a page that waits for something reloads itself

_HEAD = 16 * 1024  # bytes in which a title begins
_EARLY = 8 * 1024  # bytes in which most pages have more than a few links
_NO_PAGE = frozenset({404, 410, 420, 429})  # what these say holds, whatever page comes with them

# Headers by which a CDN marks its challenge pages.
_HEADERS = {"cf-mitigated": ("challenge",), "x-amzn-waf-action": ("challenge", "captcha")}

_YOU_ARE = r"you(?:['\u2019]?re| are) (?:really |indeed )?"
_TITLES = re.compile(
    r"just a moment|attention required|access (?:to this \w+ )?(?:has been |is |was )?(?:denied|restricted|"
    r"blocked)|\b(?:request|page|ip|connection|client) (?:was |has been |is )?(?:blocked|rejected|denied)|"
    r"you have been blocked|^blocked$|^(?:error )?403(?:\W+(?:error|forbidden|access)\b|$)|^forbidden|"
    r"pardon our interruption|"
    r"\b(?:ro)?bot (?:check|detection|detected|verification|protection)|robot or human|human verification|"
    rf"{_YOU_ARE}(?:a )?(?:human|robot|not a (?:ro)?bot)|are you (?:a )?(?:human|(?:ro)?bot)|"
    r"not a (?:ro)?bot\b|captcha|security (?:check|verification|challenge)|(?:client|browser|js) challenge|"
    r"unusual (?:traffic|activity)|ddos[- ](?:guard|protection)|checking your browser|browser check|"
    r"one moment, please|verifying (?:your|the) (?:browser|connection)|"
    r"zugriff verweigert|acc[èe]s (?:refus|interdit|bloqu)|acceso (?:denegado|bloqueado)|acesso negado|"
    r"accesso negato|toegang geweigerd|dost[ęe]p zabroniony|"
    r"доступ (?:запрещ|ограничен|заблокирован)|вы не робот|访问(?:验证|被拒绝)|安全验证|"
    r"アクセスが拒否|アクセス拒否",
    re.IGNORECASE,
)
_SAYINGS = re.compile(
    rf"(?:verify|verifying|confirm|prove|ensure|sure|check(?:ing)?)(?: that| if)? {_YOU_ARE}(?:a )?(?:human|"
    r"(?:ro)?bot|real person|not a (?:ro)?bot)|verification that you are human|"
    r"are you (?:a )?(?:human|robot)\b|"
    r"unusual traffic (?:from|on|in)|unusual activity from|automated (?:access|requests|queries|traffic)|"
    r"using automation tools|checking (?:your browser|if the site connection)|"
    r"enable (?:js|javascript) and (?:cookies|disable)|complet\w+ (?:the |a )?(?:security check|captcha)|"
    r"solv\w+ (?:the|this|a) captcha|(?:type|enter) the characters you see|"
    r"you have been blocked|your (?:request|access|ip(?: address)?) (?:\S+ )?(?:has been|was|is) (?:blocked|"
    r"denied|banned)|access (?:to this \w+ )?(?:has been|is|was) denied|"
    r"(?:don['\u2019]t|do not) have permission to access|request (?:has been|was|is) (?:blocked|rejected)|"
    r"url was rejected|(?:support|incident) id\b|\bray id:? ?[0-9a-f]{8}|reference ?# ?\d+\.[0-9a-f]{6}|"
    r"security of your connection|using a security service to protect|"
    r"(?:kein|pas un|no eres un|n[ãa]o [ée] um|non sei un|geen) rob[oô]|вы не робот|滑动验证|安全验证",
    re.IGNORECASE,
)

# Without one of these words nothing above can match; looking for them first is a hundred times cheaper.
_KEYS = (
    "human", "bot", "captcha", "blocked", "denied", "denial", "restricted", "forbidden", "403", "rejected",
    "interruption", "moment", "attention", "challenge", "security", "unusual", "ddos", "brows", "verif",
    "automat", "connection", "enable j", "characters", "banned", "permission", " id", "reference",
    "person", "detect", "verweigert", "accès", "acces", "acesso", "toegang", "dostęp", "rob", "доступ",
    "робот", "验证", "拒", "安全",
)  # fmt: skip

# What only the page of a challenge loads, or an ordinary one besides much else.
_MACHINERY = re.compile(
    r"_cf_chl_opt|/cdn-cgi/challenge-platform/\w+/\w+/orchestrate|captcha-delivery\.com|px-captcha|"
    r"_incapsula_resource|awswafcaptcha|\.awswaf\.com|gokuprops|/_sec/(?:cp_challenge|verify)|bm-verify|"
    r"kpsdk|/tspd/|sgcaptcha|sucuri_cloudproxy|perfdrive\.com|/_fs-ch-|_____tmd_____|distil_r_|"
    r"\.within\.website/x/cmd/anubis|rbzns|slowaes"
)
_CAPTCHA = re.compile(r"captcha|turnstile|geetest|arkoselabs")
_RELOADING = "a script that sets a cookie and loads the page again"
_SETS_COOKIE = re.compile(r"document\.cookie\s*=")
_LOADS_AGAIN = re.compile(r"location(?:\.href)?\s*=[^=]|location\.(?:reload|replace|assign)\s*\(")
_REFRESH = re.compile(r"<meta[^>]{0,80}http-equiv\s*=\s*[\"']?refresh[^>]{0,400}>")
_REFRESH_DELAY = re.compile(r"content\s*=\s*[\"']?\s*(\d{1,6})")
_REFRESH_URL = re.compile(r"content\s*=\s*[\"']?\s*[\d.]+\s*[;,]\s*(?:url\s*=\s*)?[\"']?([^\"'>\s]*)")

# What a page of its own has, however short it is: a product's data, a price or rate, fields to fill in.
_CONTENT = re.compile(
    r"application/ld\+json|\bitemprop\s*=|\bitemtype\s*=|content\s*=\s*[\"']product|(?:og|product):price|"
    r"property\s*=\s*[\"']product:"
)
_AMOUNT = re.compile(
    r"[$€£¥₹₽]\s?\d|\d\s?(?:[€£¥₽%]|(?:usd|eur|gbp|chf|pln|sek|nok|dkk|czk|kr|zł)\b)", re.IGNORECASE
)
_INPUT = re.compile(
    r"<(?:textarea|select)\b|<input\b[^>]{0,100}\btype\s*=\s*[\"']?(?:email|text|password|search|tel)"
)
_ELEMENTS = re.compile(r"<(?:h[1-3]|p|li|td|dd|img|article|main)\b")
# Where the script of an application puts its page: empty, but no challenge.
_MOUNT = re.compile(
    r"<\w+-(?:root|app)\b|\bid\s*=\s*[\"']?(?:root|app|__next|__nuxt|react-root|app-root|svelte|main-app)\b"
)
_LINKS = BytesAhoCorasick([b"<a "])  # half of what bytes.find costs
_UNSEEN = {name[:3]: name for name in ("!--", "script", "style", "noscript", "template", "svg", "title")}


def challenge(answer: Response) -> str | None:
    """What marks the answer as a page that stands in for the one asked for; None where it is ordinary.

    Costs microseconds on ordinary pages: a look at size, title and number of links.
    """
    if marked := marked_by_header(answer.headers):
        return marked
    body, status = answer.body, answer.status
    if not body or len(body) > LARGEST or status in _NO_PAGE or not _is_html(answer):
        return None
    title = _title(body[:_HEAD])
    titled = _search(_TITLES, title) is not None
    if not titled and (len(body) > SMALL or _has_many_links(body)):
        return None
    page = _Little.of(body)
    if page is None or page.has_content():
        return None
    if status >= 400:  # words alone are those of an ordinary refusal, and pages of errors may reload
        return page.machinery() or page.trial(titled)
    if titled:
        return f'its title is "{title[:80]}"'
    return page.saying() or page.machinery() or page.emptiness(answer.url)


def marked_by_header(headers: Mapping[str, str]) -> str | None:
    """The header that marks a challenge page."""
    for name, values in _HEADERS.items():
        if headers.get(name, "").strip().lower() in values:
            return f"marked by {name}"
    return None


def _is_html(answer: Response) -> bool:
    kind = answer.headers.get("Content-Type", "")
    return "html" in kind.lower() if kind else answer.body[:256].lstrip().startswith(b"<")


def _has_many_links(body: bytes) -> bool:
    """Whether there are over FEW_LINKS; most pages have them early on."""
    view = memoryview(body)
    return any(len(_LINKS.find_matches_as_indexes(view[:size])) > FEW_LINKS for size in (_EARLY, None))


def _title(head: bytes) -> str:
    begin = head.find(b"<title")
    if begin < 0 and (begin := head.find(b"<TITLE")) < 0:
        return ""
    begin = head.find(b">", begin) + 1
    end = head.find(b"</", begin)
    if not begin or end < 0:
        return ""
    return " ".join(unescape(head[begin : min(end, begin + 600)].decode("utf-8", "replace")).split())


def _search(words: re.Pattern[str], text: str) -> re.Match[str] | None:
    lower = text.lower()
    return words.search(text) if any(key in lower for key in _KEYS) else None


class _Little:
    """A page with little to see: its markup, and its text within and without <noscript>."""

    def __init__(self, markup: str, text: str, noscript: str) -> None:
        self._markup = markup
        self._text = text
        self._noscript = noscript

    @classmethod
    def of(cls, body: bytes) -> _Little | None:
        """None where there is more to see. Linear in the size, whatever the markup."""
        markup = body.lower().decode("utf-8", "replace")
        pieces: list[str] = []
        hidden: list[str] = []
        at = seen = 0
        while (tag := markup.find("<", at)) >= 0:
            piece = markup[at:tag].strip()
            seen += len(piece)
            if seen > 2 * LITTLE:  # some of it may be entities
                return None
            pieces.append(piece)
            at, unseen = _after(markup, tag)
            if unseen:
                hidden.append(unseen)
            if at < 0:
                break
        else:
            pieces.append(markup[at : at + 2 * LITTLE])
        text = " ".join(unescape(" ".join(pieces)).split())
        return cls(markup, text, unescape(" ".join(hidden))) if len(text) <= LITTLE else None

    def has_content(self) -> bool:
        """Whether it shows a product, a price or a rate."""
        return bool(_AMOUNT.search(self._text) or _CONTENT.search(self._markup))

    def saying(self) -> str | None:
        """What it says that only a challenge or a refusal says."""
        found = _search(_SAYINGS, self._text) or _search(_SAYINGS, self._noscript)
        if found is None and len(self._text) <= 2 * NEXT_TO_NOTHING:
            found = _TITLES.match(self._text)
        return f'it says "{found.group().strip()}"' if found else None

    def machinery(self) -> str | None:
        """What it loads that only a challenge does, with next to nothing to see, or as its words say."""
        if self.saying() or (len(self._text) <= NEXT_TO_NOTHING and not _MOUNT.search(self._markup)):
            found = _MACHINERY.search(self._markup)
            return f"it loads {found.group()}" if found else None
        return None

    def trial(self, titled: bool) -> str | None:
        """What it puts its visitor to, where its words say that it is a challenge."""
        if not titled and not self.saying():
            return None
        if _CAPTCHA.search(self._markup):
            return "a captcha"
        return _RELOADING if self._sets_cookie_and_reloads() else None

    def emptiness(self, url: str) -> str | None:
        """What it does beside showing next to nothing."""
        markup = self._markup
        if len(self._text) > NEXT_TO_NOTHING or _MOUNT.search(markup) or _INPUT.search(markup):
            return None
        if not _ELEMENTS.search(markup):
            if _CAPTCHA.search(markup):
                return "a captcha and nothing else"
            if self._sets_cookie_and_reloads():
                return _RELOADING
        return "it only reloads itself" if self._reloads(url) else None

    def _sets_cookie_and_reloads(self) -> bool:
        return bool(_SETS_COOKIE.search(self._markup) and _LOADS_AGAIN.search(self._markup))

    def _reloads(self, url: str) -> bool:
        refresh = _REFRESH.search(self._markup)
        delay = _REFRESH_DELAY.search(refresh.group()) if refresh else None
        if refresh is None or delay is None or int(delay.group(1)) > SOON:
            return False
        target = _REFRESH_URL.search(refresh.group())
        return target is None or unescape(target.group(1)) in ("", url.lower())


def _after(markup: str, tag: int) -> tuple[int, str]:
    """Where the text goes on after the tag at `tag` (-1: nowhere), and the text of a <noscript>."""
    name = _UNSEEN.get(markup[tag + 1 : tag + 4])
    if name is None or not markup.startswith(name, tag + 1):
        return _end(markup, ">", tag), ""
    if name == "!--":
        return _end(markup, "-->", tag + 4), ""
    close = markup.find(f"</{name}", tag)
    within = markup[tag:close] if name == "noscript" and close >= 0 else ""
    return (_end(markup, ">", close) if close >= 0 else -1), within


def _end(markup: str, mark: str, at: int) -> int:
    end = markup.find(mark, at)
    return end + len(mark) if end >= 0 else -1
