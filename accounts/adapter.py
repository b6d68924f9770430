from allauth.account.adapter import DefaultAccountAdapter as AccountAdapter
