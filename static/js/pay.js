// Opens the payment company's window for the order that this page shows.

const page = JSON.parse(document.getElementById("page-data").textContent);
const form = document.getElementById("pay");
const button = form.querySelector("button");
const trouble = document.getElementById("trouble");

function ready(text = "") {
  trouble.textContent = text;
  trouble.hidden = !text;
  button.disabled = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  ready();
  button.disabled = true;
  const method = new FormData(form).get("method");
  try {
    const company = window.TossPayments(page.clientKey);
    const payment = company.payment({ customerKey: page.customerKey });
    await payment.requestPayment({ ...page.order, method });
  } catch (error) {
    ready(error.code === "USER_CANCEL" ? page.strings.canceled : page.strings.failed);
  }
});

// Back from the window by the browser's own button: the page may be the old one, still waiting.
window.addEventListener("pageshow", () => ready());
