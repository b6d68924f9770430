// The part of the company's SDK that our page calls: it checks what it is given, as the real one
// does, and takes the whole page to the payment window.
(() => {
  const home = new URL(document.currentScript.src).origin;

  function refuse(code) {
    throw Object.assign(new Error(code), { code });
  }

  window.TossPayments = (clientKey) => {
    if (!/^(test|live)_ck_/.test(clientKey)) refuse("INVALID_CLIENT_KEY");
    return {
      payment({ customerKey }) {
        if (!/^[\w\-=.@]{2,50}$/.test(customerKey)) refuse("INVALID_CUSTOMER_KEY");
        return {
          async requestPayment({ method, amount, orderId, orderName, successUrl, failUrl }) {
            if (!["CARD", "TRANSFER"].includes(method)) refuse("INVALID_PARAMETER");
            if (amount.currency !== "KRW" || !(amount.value > 0)) refuse("INVALID_AMOUNT");
            if (!/^[\w-]{6,64}$/.test(orderId)) refuse("INVALID_ORDER_ID");
            if (!orderName || orderName.length > 100) refuse("INVALID_ORDER_NAME");
            const asked = { method, amount: amount.value, orderId, orderName, successUrl, failUrl };
            location.assign(`${home}/window?${new URLSearchParams(asked)}`);
            return new Promise(() => {});
          },
        };
      },
    };
  };
})();
