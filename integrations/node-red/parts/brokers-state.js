// Without the broker, nothing on the page is to be believed.
flow.set('connected', msg.status.fill === 'green');
return { payload: msg.status.text };
