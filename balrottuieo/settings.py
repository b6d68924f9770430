"""All configuration, read once from the environment (see ``.env.example``).

``DEBUG`` alone decides whether a secret may have a default.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.urls import reverse_lazy
from dotenv import load_dotenv
from environs import Env

from balrottuieo import backoffice, banking, databases, queues
from common.broker.topology import is_amqp, transport_options
from common.devkeys import development_key

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

# Into the environment itself: libraries such as cloudinary read their own variables there.
load_dotenv(BASE_DIR / ".env")
env = Env()

# --- What kind of place this is ----------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SANDBOX = env.bool("SANDBOX", default=False)  # robots walk fast, money is pretended
SECRET_KEY = env.str("SECRET_KEY", default="insecure-for-development-only" if DEBUG else ...)
# Bank accounts and resident numbers are stored under the first of these; all of them can read.
DEVELOPMENT_FIELD_KEY = "aW5zZWN1cmUtZm9yLWRldmVsb3BtZW50LW9ubHktMzI="
FIELD_KEYS: list[str] = env.list("FIELD_KEYS", default=[DEVELOPMENT_FIELD_KEY] if DEBUG else ...)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"] if DEBUG else ...)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000" if DEBUG else ...)
# Where the WebSockets are, if not on the port of the pages
SOCKETS_PORT = int(env.str("SOCKETS_PORT", default="") or 0)
DATABASE_URL = env.str(
    "DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}" if DEBUG else ...
)

# --- Applications ------------------------------------------------------------------------
INSTALLED_APPS = [
    "daphne",  # first, so that `runserver` speaks WebSocket
    "unfold",
    *databases.contrib_apps(DATABASE_URL),
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "common",
    "accounts",
    "payments",
    "errands",
    "dispatch",
]
MIDDLEWARE = [
    "common.middleware.TraceMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "common.middleware.ProblemMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "common.middleware.BearerMiddleware",  # past all that follow, which are for cookies
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "balrottuieo.urls"
ASGI_APPLICATION = "balrottuieo.asgi.application"
WSGI_APPLICATION = "balrottuieo.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database, Redis, queue --------------------------------------------------------------
DATABASES = {
    "default": databases.database(DATABASE_URL, pool_size=env.int("DATABASE_POOL_SIZE", default=20))
}
ON_MONGODB = databases.is_mongodb(DATABASE_URL)
MIGRATION_MODULES = databases.MONGODB_MIGRATIONS if ON_MONGODB else {}
DEFAULT_AUTO_FIELD = databases.MONGODB_KEY if ON_MONGODB else "django.db.models.BigAutoField"
ALLAUTH_DEFAULT_AUTO_FIELD = databases.MONGODB_KEY if ON_MONGODB else None
# Check constraints are an extra where there are any: the updates themselves keep the floors.
SILENCED_SYSTEM_CHECKS = ["models.W027"] if ON_MONGODB else []
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0" if DEBUG else ...)
CACHES = {
    "default": {
        "BACKEND": "common.cache.Cache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "dispatch.live.redis_layer.RedisLayer",
        "CONFIG": {
            # redis-py 8 reads time out after 5 s, as long as the layer's blocking pop:
            # without None every idle WebSocket would be closed.
            "hosts": [{"address": REDIS_URL, "socket_timeout": None}],
            # How far one socket may fall behind; what is dropped then it reads from the database.
            "capacity": 500,
            "expiry": 30,
        },
    }
}

# --- Celery ------------------------------------------------------------------------------
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="") or REDIS_URL
CELERY_TASK_QUEUES = queues.task_queues(CELERY_BROKER_URL)
CELERY_TASK_ROUTES = queues.task_routes()
CELERY_TASK_DEFAULT_QUEUE = queues.FALLBACK
CELERY_TASK_CREATE_MISSING_QUEUES = False
# A task whose worker was killed runs again; every task may run twice.
CELERY_TASK_ACKS_LATE = True
# A message leaves its queue when the work is done or a dead letter is written.
CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT = False
# RabbitMQ counts deliveries; Redis would give a task that kills its worker back for ever.
CELERY_TASK_REJECT_ON_WORKER_LOST = is_amqp(CELERY_BROKER_URL)
CELERY_TASK_IGNORE_RESULT = True
# For pools of processes; threads have only the timeouts of Redis and the database.
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 60
CELERY_WORKER_CONSUMER = "common.broker.worker:Consumer"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # of a worker for all queues; `queues.LANES` of the others
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_HEARTBEAT = 30  # of workers; who only publishes has a timeout each time
CELERY_BROKER_TRANSPORT_OPTIONS = transport_options(CELERY_BROKER_URL)
CELERY_TIMEZONE = "UTC"

# --- People ------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
# A ModelBackend that also looks up e-mails; a second backend would hash each wrong password twice.
AUTHENTICATION_BACKENDS = ["accounts.adapter.AccountBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.adapter.SignupFields"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[발로뛰어] "
ACCOUNT_EMAIL_VERIFICATION = "none" if SANDBOX else "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = not SANDBOX
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_RATE_LIMITS: dict[str, str] | bool = False if SANDBOX else {}
# Behind a proxy the client's address is in X-Forwarded-For, so many hops from its end.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", default=0)
HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("app", "browser")
HEADLESS_TOKEN_STRATEGY = "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"  # noqa: S105
HEADLESS_JWT_ALGORITHM = "RS256"
HEADLESS_JWT_PRIVATE_KEY = env.str(
    "JWT_PRIVATE_KEY", default=development_key(VAR_DIR / "jwt.pem") if DEBUG else ...
).replace("\\n", "\n")
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 600
# A refresh token lives in its session, which each refresh prolongs: they end together.
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = SESSION_COOKIE_AGE = 14 * 24 * 3600
HEADLESS_JWT_ROTATE_REFRESH_TOKEN = True
# Without it a banned user's token would be good until it expires.
HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = True
# Links in mails; outside the sandbox, codes typed into the app take the place of the second one.
HEADLESS_FRONTEND_URLS = {
    "account_signup": PUBLIC_URL,
    "account_confirm_email": f"{PUBLIC_URL}/#verify-email={{key}}",
    "account_reset_password": PUBLIC_URL,
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
EMAIL_CONFIG = env.dj_email_url("EMAIL_URL", default="console://" if DEBUG else ...)
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="발로뛰어 <no-reply@localhost>")

# --- REST --------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.adapter.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["common.rendering.Renderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.rendering.Negotiation",
    "DEFAULT_PARSER_CLASSES": ["common.parsers.SafeJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "common.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "common.throttling.AnonRateThrottle",
        "common.throttling.UserRateThrottle",
        "common.throttling.WriteRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": dict.fromkeys(("anon", "user", "post", "photo", "ticket"))
    if SANDBOX
    else {
        "anon": "60/min",
        "user": "300/min",
        "post": "30/min",
        "photo": "30/min",
        "ticket": "30/min",
    },
    "NUM_PROXIES": ALLAUTH_TRUSTED_PROXY_COUNT,
    "EXCEPTION_HANDLER": "common.problems.handle",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "발로뛰어 API",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ErrandStateEnum": "errands.models.STATES",
        "ErrandKindEnum": "errands.models.KINDS",
        "MoveEnum": "errands.models.MOVES",
        "RoleEnum": "errands.models.ROLES",
        "PaymentStateEnum": "payments.models.PaymentState",
        "PayoutStateEnum": "payments.models.PayoutState",
        "RunnerStateEnum": "accounts.models.RunnerState",
        "OfferStateEnum": "dispatch.models.OfferState",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "common.openapi.document_conventions",
    ],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
UPLOAD_MAX_BYTES = 12 * 1024 * 1024

# --- Files -------------------------------------------------------------------------------
CLOUDINARY_URL = env.str("CLOUDINARY_URL", default="")
STORAGES = {
    "default": {
        "BACKEND": "common.cloudinary_storage.CloudinaryStorage"
        if CLOUDINARY_URL
        else "django.core.files.storage.FileSystemStorage"
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_ROOT = env.path("MEDIA_ROOT", default=VAR_DIR / "media")
MEDIA_URL = "media/"
STATIC_URL = "static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=VAR_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

# --- Language and time -------------------------------------------------------------------
LANGUAGE_CODE = "ko"
LANGUAGES = [("ko", "한국어"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "unfold"]
TIME_ZONE = "Asia/Seoul"
USE_TZ = True

# --- Security ----------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if DEBUG else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- The product's own numbers -----------------------------------------------------------
COMMISSION_PERCENT = env.int("COMMISSION_PERCENT", default=10)
MINIMUM_WAGE = {2025: 10_030, 2026: 10_320}  # won per hour, Minimum Wage Commission of Korea
PAYMENT_GATEWAY = env.str("PAYMENT_GATEWAY", default="payments.gateways.sandbox.SandboxGateway")
# The shop's keys; a system check wants them where the gateway is Toss Payments.
TOSS_SECRET_KEY = env.str("TOSS_SECRET_KEY", default="")
TOSS_CLIENT_KEY = env.str("TOSS_CLIENT_KEY", default="")
TOSS_URL = env.str("TOSS_URL", default="https://api.tosspayments.com")
# What opens the payment window in a page, and from where that may load more
TOSS_SDK_URL = env.str("TOSS_SDK_URL", default="https://js.tosspayments.com/v2/standard")
TOSS_ORIGINS: list[str] = env.list("TOSS_ORIGINS", default=["https://*.tosspayments.com"])
QUOTE_LIFE = PAYMENT_LIFE = timedelta(minutes=15)
SUBSTITUTION_LIFE = timedelta(minutes=10)
# Robots, who walk fast, do not stand for a quarter of an hour either.
WAITING_BLOCK = timedelta(seconds=15) if SANDBOX else timedelta(minutes=15)
UNMATCHED_LIFE = timedelta(hours=2)
RAISE_SUGGESTED_AFTER = timedelta(minutes=5)
SCHEDULE_LEAD = timedelta(minutes=15)
OBJECTION_WINDOW = timedelta(hours=24)
CHECKOUT_LINK_LIFE = timedelta(hours=24)  # longer than an order, to look how it ended
TRACKING_LINK_LIFE = timedelta(hours=24)
REVIEW_HIDDEN = TIP_WINDOW = timedelta(days=7)
GEOFENCE_M = 150
# What a role (a group) may give back alone in a day, in won; above it a second person decides
STAFF_REFUND_LIMITS: dict[str, int] = env.dict(
    "STAFF_REFUND_LIMITS", subcast_values=int, default={"support": 30_000, "finance-lead": 300_000}
)
# Payouts: who withholds, the least amount, the weekly day, what bank files look like
TAX_MODE = env.str("TAX_MODE", default="platform_pays")
PAYOUT_MINIMUM = env.int("PAYOUT_MINIMUM", default=1_000)
PAYOUT_WEEKDAY, PAYOUT_HOUR = 0, 9  # Monday morning, here
PAYOUT_BATCH_MOST = 500  # a result file is one unit of work, and MongoDB ends those after a minute
HOLDER_CHECK = env.str("HOLDER_CHECK", default="payments.gateways.holders.SandboxHolders")
BANK_LAYOUTS = banking.LAYOUTS
FILING_COLUMNS, FILING_TRADE = banking.FILING_COLUMNS, banking.FILING_TRADE
OFFER_LIFE_S = env.int("OFFER_LIFE_S", default=20)
# (seconds an errand has waited, metres a runner may be away from its pickup)
REACH_STEPS = ((0, 600), (60, 1_200), (180, 2_000), (300, 3_000))
# Runs of one area begin at least so far apart: what is posted meanwhile is solved together.
MATCHING_TICK_S = 0.15
MATCHING_MOST_BUNDLED = 3  # errands offered together to one runner
# An area with more of either is matched in seven parts, until a minute after they are quiet.
MATCHING_MOST_ERRANDS, MATCHING_MOST_RUNNERS = 300, 1_500
MATCHING_SPLIT_S = 60
POSITION_FRESH_S = 120
RUNNER_MAX_SPEED_MPS = env.float("RUNNER_MAX_SPEED_MPS", default=800.0 if SANDBOX else 8.0)
# Empty: walks are estimated.
WALKING_ROUTER_URL = env.str("WALKING_ROUTER_URL", default="")
MAP_TILE_URL = env.str("MAP_TILE_URL", default="")
MAP_TILE_ATTRIBUTION = env.str("MAP_TILE_ATTRIBUTION", default="")
DEMO_STAFF_PASSWORD = env.str("DEMO_STAFF_PASSWORD", default="") or (
    "walk-with-us-2026" if DEBUG else ""
)

UNFOLD = backoffice.UNFOLD

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "level": "INFO"},  # Django's own handler would say it twice
        "django.request": {"level": "ERROR"},  # a refusal is the caller's news, not ours
        "httpx": {"level": "WARNING"},
    },
}
